// The panel of the images on which two models differ most, either way: of what is selected, or else
// shown.

const MOST_DIFFERENT = 40; // images a side

function makeDifferences({ added, cut, count, captionOf, callOf, show, listCounted, errors, current }) {
  const sides = known.models.map(({ letter, run }, place) => {
    const side = added(byId("differences"), "div", { className: "side" });
    const heading = added(side, "h2", { textContent: `${letter}: ${run} is better by most ` });
    added(heading, "span", { textContent: ["original", ...known.models.map(({ letter }) => `by ${letter}`)].join(", ") });
    const items = added(side, "div", { className: "items" });
    // How much the other one's error is larger.
    const more = (index) => errors[1 - place][index] - errors[place][index];
    return { items, more };
  });

  function addItem(items, index) {
    const item = added(items, "button", { type: "button", title: callOf(index) });
    item.index = index;
    for (let picture = index; picture < (known.models.length + 1) * count; picture += count) {
      cut(added(item, "canvas"), picture);
    }
    for (const text of [captionOf(index), ...errors.map((of) => of[index].toFixed(5))]) {
      added(item, "span", { textContent: text });
    }
    item.onclick = () => {
      show(index, true);
      mark();
    };
  }

  function mark() {
    for (const item of byId("differences").querySelectorAll("button")) {
      item.setAttribute("aria-pressed", item.index === current());
    }
  }

  function list() {
    const counted = listCounted();
    for (const { items, more } of sides) {
      const better = Array.from(counted).filter((index) => more(index) > 0);
      items.replaceChildren();
      better.sort((one, other) => more(other) - more(one));
      better.slice(0, MOST_DIFFERENT).forEach((index) => addItem(items, index));
    }
    mark();
  }

  return { enter: list, tally: list, take: mark };
}
