// What the model does for the page, in a worker, so that the page never waits for it. Every message
// asks for something and gets one answer with the same number.

let model;

onmessage = ({ data: { number, ask, ...asked } }) => {
  try {
    const answer = ask === "start" ? start(asked) : model[ask](asked);
    postMessage({ number, ...answer });
  } catch (error) {
    postMessage({ number, failed: String(error.message ?? error) });
  }
};

function toBytes(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) {
    bytes[at] = letters.charCodeAt(at);
  }
  return bytes;
}

function start({ facts, data, labels }) {
  const bytes = toBytes(data);
  const arrays = new Map(); // several knobs may point at the same one

  function read(place) {
    if (!arrays.has(place.offset)) {
      arrays.set(place.offset, unpack(place, bytes));
    }
    return arrays.get(place.offset);
  }

  const [encoder, decoder] = makeNetworks(facts.networks, bytes);
  const { dim, count, shape, frames, knobs, towardData, toward } = facts;
  const [height, width, channels] = shape;
  const values = height * width * channels;
  const codes = read(facts.codes); // (count, dim)
  const terrain = facts.terrain && makeTerrain(facts.terrain, read);
  const reader = facts.reader && makeReader({ dim, ...facts.reader }, read);
  for (const knob of knobs) {
    for (const part of ["step", "steps", "on", "off", "teller"].filter((part) => knob[part])) {
      knob[part] = [knob[part]].flat().map(read);
    }
  }

  const codeOf = ({ index, code }) => code ?? codes.slice(index * dim, (index + 1) * dim);

  // Images as a canvas takes them.

  function paint(images, count) {
    const painted = new Uint8ClampedArray(4 * count * height * width);
    for (let pixel = 0; pixel < count * height * width; pixel++) {
      for (let channel = 0; channel < 3; channel++) {
        const value = images[pixel * channels + (channels === 3 ? channel : 0)];
        painted[4 * pixel + channel] = 255 * value; // which clips and rounds
      }
      painted[4 * pixel + 3] = 255;
    }
    return painted;
  }

  function decode(shown) {
    const rows = shown.length / dim;
    const images = new Float32Array(rows * values);
    for (let row = 0; row < rows; row++) {
      images.set(decoder.run(shown.subarray(row * dim, (row + 1) * dim)), row * values);
    }
    return images;
  }

  // The nearest codes of the images on the maps, of all or of a class.

  function findNearest(code, most, label) {
    const [found, away] = [[], []];
    for (let index = 0; index < count; index++) {
      if (label !== undefined && labels[index] !== label) {
        continue;
      }
      const limit = found.length < most ? Infinity : away[most - 1];
      let squared = 0;
      for (let d = 0; d < dim && squared < limit; d++) {
        squared += (codes[index * dim + d] - code[d]) ** 2;
      }
      if (squared < limit) {
        let at = away.findIndex((other) => other > squared);
        at = at < 0 ? away.length : at;
        away.splice(at, 0, squared);
        found.splice(at, 0, index);
        found.length = away.length = Math.min(found.length, most);
      }
    }
    return found;
  }

  function show(shown, near, images = decode(shown)) {
    const rows = shown.length / dim;
    const pictures = paint(images, rows);
    const places = Array.from({ length: near ? rows : 0 }, (_, row) =>
      findNearest(shown.subarray(row * dim, (row + 1) * dim), near),
    );
    return { codes: shown, pictures, near: places };
  }

  // What a knob adds to a code.

  const moves = {
    axis: ({ step: [step] }, code, amount) => code.map((x, d) => x + amount * step[d]),

    number({ steps: [steps], place, many }, code, amount) {
      const label = terrain.classify(code);
      const row = (label * many + place) * dim;
      const moved = code.map((x, d) => x + amount * steps[row + d]);
      const near = findNearest(moved, toward, label);
      const share = near.length ? towardData * Math.min(Math.abs(amount) / 2, 1) : 0;
      return moved.map((x, d) => {
        const mean = near.reduce((sum, index) => sum + codes[index * dim + d], 0);
        return share ? x + share * (mean / near.length - x) : x;
      });
    },

    attribute(knob, code, amount) {
      const loses = amount < 0;
      if (knob.last?.loses !== loses || knob.last.code.some((x, d) => x !== code[d])) {
        knob.last = { loses, code, changed: changeWhole(knob, code, loses) };
      }
      const { changed } = knob.last; // the same while a slider moves
      return code.map((x, d) => x + Math.abs(amount) * (changed[d] - x));
    },
  };

  // Rows of a line are (dim + 1, dim): what is added to a code of zeros, and by each unit.
  function changeWhole({ on, off, teller, forms, ...attribute }, code, loses) {
    let line = on[0];
    if (loses) {
      const scores = (teller ?? []).map((row) => row[dim] + dot(row, 0, code, 0, dim));
      line = off[teller ? forms[scores.indexOf(Math.max(...scores))] : 0];
    }
    const moved = code.map((x, d) => {
      let sum = line[d];
      for (let from = 0; from < dim; from++) {
        sum += code[from] * line[(from + 1) * dim + d];
      }
      return x + sum;
    });
    return reader.correct(code, moved, attribute, loses);
  }

  model = {
    // A weighted sum of codes, and what knobs make of it.

    make({ parts, turned = [], near }) {
      let code = new Float32Array(dim);
      for (const { weight, ...end } of parts) {
        codeOf(end).forEach((x, d) => (code[d] += weight * x));
      }
      for (const { knob, amount } of turned) {
        code = moves[knobs[knob].kind](knobs[knob], code, amount);
      }
      return show(code, near);
    },

    walk({ first, last, path, near }) {
      const ends = [first, last].map(codeOf);
      const walked = path === "data" ? terrain.walk(...ends, frames) : walkStraight(...ends, frames);
      return show(walked, near);
    },

    encode({ image, near }) {
      const code = Float32Array.from(encoder.run(image));
      const back = decode(code).map((x) => Math.min(Math.max(x, 0), 1));
      const error = back.reduce((sum, x, at) => sum + (x - image[at]) ** 2, 0) / values;
      return { ...show(code, near, back), taken: paint(image, 1), error };
    },
  };
  return {};
}
