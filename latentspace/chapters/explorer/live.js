// The model at work. A worker runs it; here is what its panels share, and the panel that is shown.
// `page` is what `explore` shares.

const BETWEEN = 6; // images on a map between which the model draws

function startLive(page) {
  const facts = known.live;
  const [height, width] = facts.shape;

  // The worker: a question, an answer. Of questions under the pointer only the last one counts.

  const source = new Blob([byId("worker").textContent], { type: "text/javascript" });
  const worker = new Worker(URL.createObjectURL(source));
  const waiting = new Map();
  let asked = 0;
  worker.onmessage = ({ data: { number, failed, ...answer } }) => {
    const { resolve, reject } = waiting.get(number);
    waiting.delete(number);
    failed ? reject(new Error(failed)) : resolve(answer);
  };
  worker.onerror = ({ message }) => page.giveUp(`this browser can't run the model (${message})`);
  const ask = (what, more) =>
    new Promise((resolve, reject) => {
      waiting.set(++asked, { resolve, reject });
      worker.postMessage({ number: asked, ask: what, ...more });
    });

  function makeLatest(show) {
    let [busy, next] = [false, null];
    return async function latest(what, more) {
      next = [what, more];
      while (!busy && next) {
        const question = next;
        [busy, next] = [true, null];
        const answer = await ask(...question).finally(() => (busy = false));
        if (!next) {
          show(answer, question[1]);
        }
      }
    };
  }

  // Pictures.

  const pictureOf = ({ pictures }, frame = 0) => {
    const size = 4 * height * width;
    return new ImageData(pictures.slice(frame * size, (frame + 1) * size), width, height);
  };

  function put(canvas, picture) {
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  function showSubject(canvas, subject) {
    subject.picture ? put(canvas, subject.picture) : page.cut(canvas, subject.index);
  }

  const clear = (canvas) => put(canvas, new ImageData(width, height));

  // What an image is called: on the page, and where the program can be asked for it.

  const callOf = (subject) => subject.name ?? page.callOf(subject.index);
  const termOf = ({ index, file }) =>
    file ?? (index === undefined || page.isTraining[index] ? null : String(page.numbers[index]));
  const partOf = ({ index, code }, weight = 1) => ({ index, code, weight });

  function findNumber(text) {
    return page.numbers.findIndex(
      (number, index) => number === Number(text) && !page.isTraining[index] && text.trim() !== "",
    );
  }

  // Slots hold images: by a click on a map into the slot that is armed, or by their number.

  let drawing = null; // what was drawn or opened, as an image among others
  const offers = []; // buttons that take it

  function makeSlots(panel, letters, onChange, signs = {}) {
    const room = panel.querySelector(".slots");
    const filled = {};
    let armed = letters[0];

    function arm(letter) {
      armed = letter;
      letters.forEach((each) => slots[each].button.setAttribute("aria-pressed", each === letter));
    }

    function fill(subject, letter = armed) {
      filled[letter] = subject;
      const { button, canvas, input } = slots[letter];
      button.title = subject ? callOf(subject) : "empty";
      input.value = subject ? (termOf(subject) ?? "") : "";
      input.removeAttribute("aria-invalid");
      if (subject) {
        showSubject(canvas, subject);
      } else {
        Object.assign(canvas, { width, height });
      }
      onChange(filled);
    }

    const slots = Object.fromEntries(
      letters.map((letter) => {
        const slot = page.added(room, "div", { className: "slot" });
        const button = page.added(slot, "button", { type: "button" });
        button.ariaLabel = letter ? `Choose ${letter} on a map` : "Choose an image on a map";
        const canvas = page.added(button, "canvas", { width, height });
        const label = page.added(slot, "label", { textContent: signs[letter] ?? letter });
        const input = page.added(label, "input", { placeholder: "#", inputMode: "numeric" });
        input.ariaLabel = `Number of the test image${letter && ` ${letter}`}`;
        input.onchange = () => {
          const index = findNumber(input.value);
          if (index < 0 && input.value !== "") {
            input.setAttribute("aria-invalid", true);
          } else {
            fill(index < 0 ? null : { index }, letter);
          }
        };
        button.onclick = () => arm(letter);
        return [letter, { button, canvas, input }];
      }),
    );
    const own = page.added(room, "button", { type: "button", className: "own", textContent: "my drawing" });
    own.hidden = true;
    offers.push(own);
    const next = () => arm(letters[(letters.indexOf(armed) + 1) % letters.length]);
    own.onclick = () => {
      fill(drawing);
      next();
    };
    arm(letters[0]);
    return {
      filled,
      fill,
      take(index) {
        fill({ index });
        next();
      },
    };
  }

  function keepDrawing(subject) {
    drawing = subject;
    offers.forEach((button) => (button.hidden = !drawing));
  }

  // Real images that are nearest to what was made.

  function showFound(panel, indices) {
    const room = panel.querySelector(".found");
    room.replaceChildren();
    for (const index of indices.slice(0, known.nearest)) {
      const button = page.added(room, "button", { type: "button", title: page.callOf(index) });
      page.cut(page.added(button, "canvas"), index);
      page.added(button, "span", { textContent: page.captionOf(index) });
      button.onclick = () => page.show(index, true);
    }
  }

  // Lines and marks over both maps, in the places of the images that are nearest.

  const median = (values) => {
    const sorted = Float64Array.from(values).sort();
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  };
  const placeOf = (space, indices) =>
    ["x", "y"].map((axis) => median(indices.map((index) => page.coordinates(space)[axis][index])));
  const overlays = Object.fromEntries(
    Object.keys(page.plots).map((space) => {
      const overlay = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      overlay.setAttribute("viewBox", "0 0 100 100");
      overlay.classList.add("traces");
      document.querySelector(`#${space}`).append(overlay);
      return [space, overlay];
    }),
  );
  const traces = {}; // by panel

  function trace(panel, lines = [], marks = []) {
    traces[panel.id] = { lines, marks };
    redraw();
  }

  function redraw() {
    const { lines, marks } = traces[tabs.shown()] ?? { lines: [], marks: [] };
    for (const [space, overlay] of Object.entries(overlays)) {
      const draw = (kind, properties) => {
        const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
        Object.entries(properties).forEach(([name, value]) => element.setAttribute(name, value));
        overlay.append(element);
        return element;
      };
      overlay.replaceChildren();
      for (const { places, chosen } of lines) {
        const points = places.map((indices) => page.shareOf(space, placeOf(space, indices)));
        const list = points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ");
        draw("polyline", { points: list, class: "halo" });
        draw("polyline", { points: list, class: chosen ? "chosen" : "other" });
      }
      for (const { places, letter } of marks) {
        const [cx, cy] = page.shareOf(space, placeOf(space, places));
        draw("circle", { cx, cy, r: letter ? 2.6 : 1.4 });
        draw("text", { x: cx, y: cy + 1.2 }).textContent = letter;
      }
    }
  }

  // What to type for the same.

  const quote = (text) => (/^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const say = (panel, text) => (panel.querySelector("code").textContent = text);

  function expressionOf(terms) {
    if (terms.some(([, term]) => term === null || /\s/.test(term.replace(/^".*"$/, "")))) {
      return "training images, drawings and file names with spaces are no terms of --expression";
    }
    const sum = terms.map(([amount, term], at) => {
      const size = Math.abs(amount) === 1 ? "" : `${Math.abs(amount)}*`;
      const sign = amount < 0 ? "- " : at ? "+ " : "";
      return `${sign}${size}${term}`;
    });
    return `--arithmetic --expression '${sum.join(" ").replaceAll("'", "'\\''")}'`;
  }

  const nameOf = ({ name }) => (/^[A-Za-z][\w:=]*$/.test(name) ? name : `"${name}"`);

  const tools = {
    ...{ facts, page, ask, makeLatest, pictureOf, put, clear, makeSlots, keepDrawing },
    ...{ partOf, termOf, callOf, nameOf, showFound, trace, quote, say, expressionOf },
  };

  const { tabs } = page;
  Object.assign(tabs.panels, {
    walk: makeWalk(tools),
    change: makeChange(tools),
    calculate: makeCalculate(tools),
    draw: makeDrawing(tools),
  });

  let betweenShown = null;
  const showBetween = makeLatest((answer) => betweenShown(pictureOf(answer)));
  ask("start", { facts, data: byId("model").textContent, labels: page.labels }).then(
    () => {
      tabs.offer();
      document.body.classList.add("live");
    },
    ({ message }) => page.giveUp(`this browser can't run the model (${message})`),
  );

  return {
    ask,
    redraw,
    drawn: () => drawing,
    // What the model draws between images on a map; `then` gets the picture.
    between(space, point, then) {
      betweenShown = then;
      showBetween("make", { parts: page.around(space, point, BETWEEN), near: 0 });
    },
  };
}
