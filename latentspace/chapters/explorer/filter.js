// Which images are shown, by what is known of them: one condition a column, and all of them hold.
// A column has a name and `textOf` an image; also `amountOf` where it holds numbers, `names` where
// these are all that there are, and `ranges` where whole numbers are listed.

const TYPING_MS = 150; // after which what was typed counts

const RANGES = /^\s*\d+\s*(-\s*\d+\s*)?([,\s]\s*\d+\s*(-\s*\d+\s*)?)*$/;

const KINDS_OF_FILTER = {
  numbers: {
    fields: [{ placeholder: "from" }, { placeholder: "to" }].map((field) => ({ ...field, type: "number", step: "any" })),
    read({ name, amountOf }, [from, to]) {
      const [low, high] = [from === "" ? -Infinity : Number(from), to === "" ? Infinity : Number(to)];
      const ends = from === "" ? `≤ ${to}` : to === "" ? `≥ ${from}` : `${from} to ${to}`;
      return { text: `${name} ${ends}`, fits: (index) => amountOf(index) >= low && amountOf(index) <= high };
    },
  },
  ranges: {
    fields: [{ placeholder: "12, 40-60" }],
    read({ name, textOf }, [text]) {
      if (!RANGES.test(text)) {
        return null;
      }
      const ranges = [...text.matchAll(/(\d+)\s*(?:-\s*(\d+))?/g)].map(([, from, to]) => [+from, +(to ?? from)]);
      const fits = (index) => ranges.some(([from, to]) => textOf(index) >= from && textOf(index) <= to);
      return { text: `${name} ${text.trim()}`, fits };
    },
  },
  words: {
    fields: [{ placeholder: "contains" }],
    read({ name, textOf, names }, [text]) {
      const wanted = text.trim().toLowerCase();
      const whole = names?.some((each) => each.toLowerCase() === wanted);
      const fits = (index) => {
        const own = textOf(index).toLowerCase();
        return whole ? own === wanted : own.includes(wanted);
      };
      return { text: `${name} ${whole ? "is" : "has"} ${text.trim()}`, fits };
    },
  },
};

function makeFilters({ added, columns, onChange }) {
  const [menu, room, list] = [byId("filtered"), byId("condition"), byId("conditions")];
  const conditions = new Map();
  let timer = 0;

  function set(column, typed) {
    const kind = KINDS_OF_FILTER[kindOf(column)];
    const isEmpty = typed.every((text) => text.trim() === "");
    const read = isEmpty ? null : kind.read(column, typed);
    read ? conditions.set(column, { ...read, typed }) : conditions.delete(column);
    [...room.children].forEach((field) => field.toggleAttribute("aria-invalid", !isEmpty && !read));
    list.replaceChildren();
    for (const [of, { text }] of conditions) {
      const line = added(added(list, "li"), "button", { type: "button", title: `Show images again, whatever their ${of.name}` });
      added(line, "span", { className: "name", textContent: text });
      added(line, "span", { textContent: "×" });
      line.onclick = () => {
        set(of, [""]);
        ask();
        onChange();
      };
    }
    clearTimeout(timer);
    timer = setTimeout(onChange, TYPING_MS);
  }

  const kindOf = ({ ranges, amountOf }) => (ranges ? "ranges" : amountOf ? "numbers" : "words");

  // What is asked of the chosen column.

  function ask() {
    const column = columns[menu.value];
    room.replaceChildren();
    if (!column) {
      return;
    }
    const typed = conditions.get(column)?.typed ?? [];
    const fields = KINDS_OF_FILTER[kindOf(column)].fields.map((field, at) =>
      added(room, "input", { type: "search", ...field, value: typed[at] ?? "", ariaLabel: `${column.name} ${field.placeholder}` }),
    );
    if (column.names) {
      const known = added(room, "datalist", { id: "names" });
      column.names.forEach((value) => added(known, "option", { value }));
      fields[0].setAttribute("list", known.id);
    }
    fields.forEach((field) => (field.oninput = () => set(column, fields.map(({ value }) => value))));
  }

  added(menu, "option", { value: "", textContent: "all images" });
  columns.forEach(({ name }, value) => added(menu, "option", { value, textContent: name }));
  menu.onchange = () => {
    ask();
    room.querySelector("input")?.focus();
  };
  ask();
  return (index) => {
    for (const { fits } of conditions.values()) {
      if (!fits(index)) {
        return false;
      }
    }
    return true;
  };
}
