// Labels that look wrong, one by one. What a person decides becomes a table that --labels reads.

const MOST_LISTED = 200; // changes

function makeCheck({ added, callOf, classes, current, cut, held, isTraining, nearInCodes, numbers, relabel, show, tabs }) {
  const { suspects, voters, corrected, hash, unavailable } = known.check;
  const panel = byId("check");
  const { names, values } = classes;
  if (names.length < 2) {
    panel.textContent = `There is nothing to check: ${unavailable}.`;
    return {};
  }
  const made = [...values]; // the labels that the images came with
  const doubts = new Map(suspects.map(([index, group, votes]) => [index, { group, votes }]));
  const keyOf = ({ split, number }) => `${split} ${number}`;
  const describe = (index) => ({
    split: isTraining[index] ? "train" : "test",
    number: numbers[index],
    file: known.files[index] ?? "",
  });
  const places = new Map(made.map((_, index) => [keyOf(describe(index)), index]));

  // Decisions, the last one last; of images on other pages of the same data as well.

  const store = `latentspace labels ${hash}`;
  const decided = new Map();
  try {
    for (const one of JSON.parse(localStorage.getItem(store)) ?? []) {
      const index = places.get(keyOf(one));
      if (index === undefined) {
        decided.set(keyOf(one), one);
      } else if (names.includes(one.label)) {
        decided.set(keyOf(one), { ...one, was: names[made[index]] });
        values[index] = names.indexOf(one.label);
      }
    }
  } catch {
    // A browser may keep nothing of a file: then decisions last as long as the page is open.
  }

  let shown = null; // the image that is checked

  function keep() {
    try {
      localStorage.setItem(store, JSON.stringify([...decided.values()]));
    } catch {
      // as above
    }
  }

  function decide(index, group) {
    const one = { ...describe(index), label: names[group], was: names[made[index]] };
    decided.delete(keyOf(one));
    decided.set(keyOf(one), one);
    keep();
    relabel(index, group);
  }

  function undo(key) {
    decided.delete(key);
    keep();
    const index = places.get(key);
    if (index !== undefined) {
      relabel(index, made[index]);
    }
    tell();
  }

  const isDecided = (index) => decided.has(keyOf(describe(index)));

  // Suspects in their order, from that which is shown on.

  function findNext() {
    const order = [...doubts.keys()];
    const from = order.indexOf(shown) + 1;
    return [...order.slice(from), ...order.slice(0, from)].find((index) => !isDecided(index)) ?? null;
  }

  function bring(index) {
    shown = index;
    if (index !== null) {
      show(index, true);
    }
    tell();
  }

  const goOn = () => bring(findNext());

  function take() {
    if (shown !== null && !isDecided(shown) && doubts.has(shown)) {
      decide(shown, doubts.get(shown).group);
    }
    goOn();
  }

  function leave() {
    if (shown !== null && !isDecided(shown) && doubts.has(shown)) {
      decide(shown, made[shown]);
    }
    goOn();
  }

  function goBack() {
    const key = [...decided.keys()].findLast((each) => places.has(each));
    if (key !== undefined) {
      undo(key);
      bring(places.get(key));
    }
  }

  // What is seen of it.

  function showNear(index) {
    const room = panel.querySelector(".found");
    room.replaceChildren();
    for (const other of nearInCodes.slice(index * known.nearest, (index + 1) * known.nearest)) {
      const button = added(room, "button", { type: "button", title: callOf(other) });
      cut(added(button, "canvas"), other);
      added(button, "span", { textContent: names[values[other]] });
      button.onclick = () => bring(other);
    }
  }

  function sayDoubt() {
    if (shown === null) {
      const none = unavailable ? `What looks wrong can't be told: ${unavailable}.` : "No label looks wrong.";
      const said = doubts.size ? "All labels that look wrong are checked." : none;
      return `${said} Click an image on a map to change its label.`;
    }
    const { group, votes } = doubts.get(shown) ?? {};
    const doubt = votes
      ? ` It looks like ${names[group]}: so are ${votes} of its ${voters} nearest training images.`
      : "";
    const now = values[shown] !== made[shown] ? ` Now it is ${names[values[shown]]}.` : "";
    return `Its label is ${names[made[shown]]}.${doubt}${now}`;
  }

  function tell() {
    const isShown = shown !== null;
    byId("doubt").textContent = sayDoubt();
    panel.querySelector("figure").hidden = panel.querySelector(".found").hidden = !isShown;
    byId("relabel").disabled = byId("keep").disabled = !isShown;
    byId("take").disabled = !isShown || !doubts.has(shown) || isDecided(shown);
    byId("take").textContent = `Take ${doubts.has(shown) ? names[doubts.get(shown).group] : "…"}`;
    byId("keep").textContent = `Keep ${isShown ? names[values[shown]] : "…"}`;
    byId("undo").disabled = ![...decided.keys()].some((key) => places.has(key));
    if (isShown) {
      cut(byId("checked"), shown);
      panel.querySelector("figcaption").textContent = callOf(shown);
      byId("relabel").value = values[shown];
      showNear(shown);
    }
    const done = [...doubts.keys()].filter(isDecided).length;
    byId("done").textContent = `${done} of ${doubts.size} checked`;
    listChanges();
  }

  function listChanges() {
    const changes = [...decided].filter(([, { label, was }]) => label !== was).reverse();
    const count = changes.length;
    byId("changed-labels").textContent = `${count} ${count === 1 ? "label" : "labels"} changed`;
    byId("labels").disabled = !listRows().length;
    const room = byId("changes");
    room.replaceChildren();
    for (const [key, { split, number, label, was }] of changes.slice(0, MOST_LISTED)) {
      const line = added(room, "div");
      const place = places.get(key);
      const words = `${split} #${number}: ${was} → ${label}`;
      const button = added(line, "button", { type: "button", textContent: words, title: words });
      button.disabled = place === undefined;
      button.onclick = () => bring(place);
      const back = added(line, "button", { type: "button", textContent: "×", title: "Take this back" });
      back.ariaLabel = `Take back ${words}`;
      back.onclick = () => undo(key);
    }
    if (count > MOST_LISTED) {
      added(room, "p", { textContent: `and ${count - MOST_LISTED} more` });
    }
  }

  // The table: what was corrected before this page was made, and what has changed since.

  function listRows() {
    const rows = new Map(corrected.map(([split, number, file, label]) => [`${split} ${number}`, { split, number, file, label }]));
    for (const [key, one] of decided) {
      if (one.label !== one.was || rows.has(key)) {
        rows.set(key, one);
      }
    }
    return [...rows.values()];
  }

  byId("labels").onclick = () => {
    const rows = listRows();
    const hasFiles = rows.some(({ file }) => file);
    const file = (cell) => (hasFiles ? [cell] : []);
    const heads = ["split", "index", ...file("file"), "label"];
    const cells = rows.map((one) => [one.split, String(one.number), ...file(one.file), one.label]);
    saveFile("labels.csv", toCsv([heads, ...cells]), "text/csv");
  };

  names.forEach((name, group) => added(byId("relabel"), "option", { value: group, textContent: name }));
  byId("relabel").onchange = ({ target }) => {
    decide(shown, Number(target.value));
    tell();
  };

  Object.entries({ take, keep: leave, undo: goBack }).forEach(([id, act]) => (byId(id).onclick = act));

  // After a click keys are those of the panel again; who presses a button by a key stays on it.

  panel.addEventListener("click", ({ detail, target }) => {
    if (detail && !target.matches("select, code")) {
      panel.focus({ preventScroll: true });
    }
  });
  document.addEventListener("keydown", (event) => {
    const { key, target, ctrlKey, metaKey } = event;
    const act = { Enter: take, Backspace: leave, ...(ctrlKey || metaKey ? { z: goBack } : {}) }[key];
    if (act && tabs.shown() === "check" && [document.body, panel].includes(target)) {
      event.preventDefault();
      act();
    }
  });

  return {
    take: bring,
    enter() {
      bring(held() ? current() : (shown ?? findNext()));
      panel.focus({ preventScroll: true });
    },
  };
}
