// The panels that need images on the maps: each says what a click on a map gives it, and what is to
// be done when it is shown or left.

const SHOWN_FRAMES = 17; // of a strip
const FRAME_MS = 70;

// From A to B, along the data or straight.

function makeWalk({ facts, ask, pictureOf, put, clear, makeSlots, tell, partOf, termOf, callOf, trace, quote, say, command }) {
  const [height, width] = facts.shape;
  const walk = byId("walk");
  let walks = {}; // by path, as they were answered
  const chosenPath = () => walks[byId("path").value];

  const askWalk = async ({ A, B }) => {
    walks = {};
    if (!A || !B) {
      say(walk, `Click an image on a map for ${tell("A")}, then one for ${tell("B")}.`);
      return drawWalk();
    }
    const ends = { first: partOf(A), last: partOf(B), near: facts.place };
    const paths = facts.terrain ? ["data", "linear"] : ["linear"];
    const found = await Promise.all(paths.map((path) => ask("walk", { ...ends, path })));
    if (pins.filled.A === A && pins.filled.B === B) {
      walks = Object.fromEntries(paths.map((path, at) => [path, found[at]]));
      drawWalk();
    }
  };

  function drawWalk() {
    const answer = chosenPath();
    const strip = byId("strip");
    const count = Math.min(facts.frames, SHOWN_FRAMES);
    Object.assign(strip, { width: count * width, height });
    for (const id of ["play", "step", "save"]) {
      byId(id).disabled = !answer;
    }
    if (!answer) {
      trace(walk);
      return clear(byId("walked"));
    }
    for (let at = 0; at < count; at++) {
      const frame = Math.round((at * (facts.frames - 1)) / (count - 1));
      strip.getContext("2d").putImageData(pictureOf(answer, frame), at * width, 0);
    }
    const ends = [pins.filled.A, pins.filled.B].map(termOf);
    const [from, to] = ends.map((end) => end && quote(end));
    const flags = `--interpolation --from ${from} --to ${to} --path ${byId("path").value}`;
    say(walk, ends.includes(null) ? "training images and drawings have no number that --from takes" : command(flags));
    drawStep();
  }

  function drawStep() {
    const answer = chosenPath();
    if (!answer) {
      return;
    }
    const frame = Number(byId("step").value);
    put(byId("walked"), pictureOf(answer, frame));
    walk.querySelector("figcaption").textContent = `step ${frame + 1} of ${facts.frames}`;
    const chosen = byId("path").value;
    const [A, B] = ["A", "B"].map((end) => pins.filled[end].index);
    const whole = ({ near }) => [
      A === undefined ? near[0] : [A],
      ...near.slice(1, -1),
      B === undefined ? near.at(-1) : [B],
    ];
    const order = Object.entries(walks).sort(([path]) => (path === chosen ? 1 : -1));
    const lines = order.map(([path, walk]) => ({ places: whole(walk), chosen: path === chosen }));
    const places = whole(answer);
    trace(walk, lines, [
      { places: places[0], letter: tell("A") },
      { places: places.at(-1), letter: tell("B") },
      { places: places[frame], letter: "" },
    ]);
  }

  const pins = makeSlots(walk, ["A", "B"], askWalk);
  Object.assign(byId("step"), { max: facts.frames - 1, oninput: drawStep });
  if (!facts.terrain) {
    byId("path").value = "linear";
  }
  byId("path").disabled = !facts.terrain;
  byId("path").onchange = drawWalk;
  byId("save").onclick = () => {
    const name = `walk-${["A", "B"].map((end) => callOf(pins.filled[end]).replace(/\W+/g, "-")).join("-to-")}`;
    Object.assign(document.createElement("a"), {
      href: byId("strip").toDataURL(),
      download: `${name}.png`,
    }).click();
  };
  let playing = 0;

  function play() {
    const step = byId("step");
    let forward = Number(step.value) < facts.frames - 1 ? 1 : -1;
    playing = setInterval(() => {
      step.value = Number(step.value) + forward;
      if (step.value === step.max || step.value === step.min) {
        forward = step.value === step.max ? -1 : 1;
      }
      drawStep();
    }, FRAME_MS);
    byId("play").textContent = "Pause";
  }

  function pause() {
    clearInterval(playing);
    playing = 0;
    byId("play").textContent = "Play";
  }

  byId("play").onclick = () => (playing ? pause() : play());

  askWalk({});
  return { take: pins.take, leave: pause };
}

// Knobs of attributes, principal axes and units.

function makeChange({ facts, page, makeLatest, pictureOf, put, clear, makeSlots, before, partOf, termOf, nameOf, trace, say, expressionOf }) {
  const change = byId("change");
  const knobs = facts.knobs.map((knob, place) => ({ ...knob, place }));
  const turned = () =>
    knobs.flatMap(({ slider, place }) => (Number(slider.value) ? [{ knob: place, amount: Number(slider.value) }] : []));
  let { amounts = {} } = before; // of attributes, by name
  const hasIt = (knob, { index }) => (index === undefined ? "?" : (knob.has?.[index] ?? "?"));

  const showChange = makeLatest((answer) => {
    put(byId("changed"), pictureOf(answer));
    trace(change, [], [{ places: answer.near[0], letter: "" }]);
  });

  function turn() {
    const { "": subject } = base.filled;
    if (!subject) {
      return say(change, "Click an image on a map.");
    }
    showChange("make", { parts: [partOf(subject)], turned: turned(), near: facts.place });
    const terms = turned().map(({ knob, amount }) => [amount, nameOf(knobs[knob])]);
    say(change, expressionOf([[1, termOf(subject)], ...terms]));
  }

  function reset() {
    const { "": subject } = base.filled;
    for (const knob of knobs) {
      // What is there already can be taken off only, what is not there put on only.
      const has = knob.kind === "attribute" && subject ? hasIt(knob, subject) : "?";
      const most = knob.kind === "attribute" ? 1 : 3;
      Object.assign(knob.slider, { min: has === "0" ? 0 : -most, max: has === "1" ? 0 : most });
      knob.slider.value = amounts[knob.name] ?? 0;
      knob.output.textContent = knob.slider.value;
    }
    amounts = {};
    turn();
  }

  const groups = Map.groupBy
    ? Map.groupBy(knobs, ({ group }) => group)
    : knobs.reduce((map, knob) => map.set(knob.group, [...(map.get(knob.group) ?? []), knob]), new Map());
  byId("knobs").replaceChildren();
  for (const [group, members] of groups) {
    const set = page.added(byId("knobs"), "fieldset");
    page.added(set, "legend", { textContent: group });
    for (const knob of members) {
      const label = page.added(set, "label");
      page.added(label, "span", { textContent: knob.about, title: knob.about });
      knob.slider = page.added(label, "input", { type: "range", step: 0.05 });
      knob.output = page.added(label, "output");
      knob.slider.oninput = () => {
        knob.output.textContent = knob.slider.value;
        turn();
      };
    }
  }
  if (facts.unmoved) {
    page.added(byId("knobs"), "p", { textContent: `no attributes: ${facts.unmoved}` });
  }
  const base = makeSlots(change, [""], reset);
  byId("back").onclick = reset;

  clear(byId("changed"));
  return {
    take: base.take,
    enter: () => base.filled[""] ?? base.take(page.current()),
    carry: () => ({
      amounts: Object.fromEntries(
        knobs.flatMap(({ group, name, slider }) => (group === "attributes" ? [[name, slider.value]] : [])),
      ),
    }),
  };
}

// A - B + C, and an attribute.

function makeCalculate({ facts, page, makeLatest, pictureOf, put, clear, makeSlots, before, tell, partOf, termOf, nameOf, showFound, trace, say, expressionOf }) {
  const calculate = byId("calculate");
  const factors = { A: 1, B: -1, C: 1 };
  const addable = [...facts.knobs.entries()].filter(([, { group }]) => group === "attributes");
  const showSum = makeLatest((answer) => {
    put(byId("result"), pictureOf(answer));
    showFound(calculate, answer.near[0]);
    trace(calculate, [], [{ places: answer.near[0], letter: "=" }]);
  });

  function sum() {
    const used = Object.entries(factors).filter(([letter]) => tray.filled[letter]);
    if (!tray.filled.A) {
      const [A, B, C] = Object.keys(factors).map(tell);
      return say(calculate, `Click images on a map for ${A}, ${B} and ${C}; ${B} and ${C} may stay empty.`);
    }
    const [knob, amount] = [byId("added").value, Number(byId("amount").value)];
    const more = knob !== "" && amount ? [{ knob: Number(knob), amount }] : [];
    const parts = used.map(([letter, sign]) => partOf(tray.filled[letter], sign));
    showSum("make", { parts, turned: more, near: facts.place });
    const terms = used.map(([letter, sign]) => [sign, termOf(tray.filled[letter])]);
    terms.push(...more.map(() => [amount, nameOf(facts.knobs[knob])]));
    say(calculate, expressionOf(terms));
    calculate.querySelector("figcaption").textContent = used
      .map(([letter, sign], at) => `${sign < 0 ? "− " : at ? "+ " : ""}${tell(letter)}`)
      .join(" ");
  }

  byId("added").replaceChildren();
  page.added(byId("added"), "option", { value: "", textContent: "nothing" });
  addable.forEach(([value, { about, name }]) =>
    page.added(byId("added"), "option", { value, textContent: about, selected: name === before.added }),
  );
  byId("added").disabled = byId("amount").disabled = !addable.length;
  byId("added").onchange = byId("amount").oninput = sum;
  const tray = makeSlots(calculate, ["A", "B", "C"], sum, { B: "− ", C: "+ " });
  byId("clear").onclick = () => {
    ["A", "B", "C"].forEach((letter) => tray.fill(null, letter));
    clear(byId("result"));
    showFound(calculate, []);
    trace(calculate);
  };

  clear(byId("result"));
  showFound(calculate, []);
  calculate.querySelector("figcaption").textContent = `${tell("A")} − ${tell("B")} + ${tell("C")}`;
  sum();
  return { take: tray.take, carry: () => ({ added: facts.knobs[byId("added").value]?.name }) };
}
