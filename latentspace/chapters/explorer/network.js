"use strict";

// Runs the networks that latentspace/models/portable/ describes; steps.py lists the steps.

const { makeNetworks, makeMatrix, unpack } = (() => {
  const ROOM = 16; // values; columns of a matrix are padded to a multiple
  const PAGE = 65536; // bytes

  // What takes long, in WebAssembly, four values at once. Places and lengths are in bytes.
  //
  // product(a, rowStep, offsets, count, length, b, bias, width, c, columns, rows): rows of `a`,
  // `length` bytes at each of `count` offsets, @ `b`, which lies in panels of 16 columns. The last
  // panel comes first: what it writes beyond a row is part of one that is written later.
  // sigmoid(x, top, step, y, end): y = top / (1 + exp(-x)); `top` moves on by so many bytes.
  // add, subtract, multiply, divide, minimum, maximum(a, b, y, end).

  const kernel = (() => {
    const number = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...number(n >>> 7)]);
    const sized = (...parts) => [number(parts.flat(Infinity).length), parts].flat(Infinity);
    const section = (id, items) => [id, sized(number(items.length), items)];
    const name = (text) => sized([...text].map((letter) => letter.charCodeAt(0)));
    const get = (local) => [0x20, local];
    const set = (local, ...value) => [value, 0x21, local];
    const constant = (n) => (n < 64 ? [0x41, n] : [0x41, n | 128, 0]); // 0 to 127
    const [plus, minus, times, shifted] = [0x6a, 0x6b, 0x6c, 0x76]; // of int32
    const [isUnequal, isBelow, isAtLeast] = [0x47, 0x49, 0x4e];
    const add = (local, value) => set(local, get(local), value, plus);
    const loop = (...body) => [0x03, 0x40, body, 0x0b];
    const again = (...test) => [test, 0x0d, 0];
    const when = (test, ...body) => [test, 0x04, 0x40, body, 0x0b];
    const load = (...address) => [address, 0x28, 2, 0];
    const loadFour = (address, at = 0) => [address, 0xfd, 0x00, 2, at];
    const loadOneAsFour = (...address) => [address, 0xfd, 0x09, 2, 0];
    const storeFour = (address, value, at = 0) => [address, value, 0xfd, 0x0b, 2, at];
    const fourOf = (values) => [0xfd, 0x0c, ...new Uint8Array(values.buffer)];
    const floats = (value) => fourOf(new Float32Array(4).fill(value));
    const words = ["add", "subtract", "multiply", "divide", "minimum", "maximum"];
    const four = Object.fromEntries(words.map((word, i) => [word, [0xfd, 0xe4 + i, 1]]));
    const [nearest, toInts] = [[0xfd, 0x6a], [0xfd, 0xf8, 1]];
    const [addInts, shiftInts] = [[0xfd, 0xae, 1], [0xfd, 0xab, 1]];
    // A function: how many parameters, all int32; further locals, int32 and of four; its body.
    const define = (parameters, ints, fours, body) => ({
      type: [0x60, parameters, Array(parameters).fill(0x7f), 0],
      code: sized(2, ints, 0x7f, fours, 0x7b, body, 0x0b),
    });

    const product = () => {
      const [a, rowStep, offsets, count, length, b, bias, width, c, columns, rows] = Array(99).keys();
      const [panel, from, tap, lastTap, x, end, target, value] = [11, 12, 13, 14, 15, 16, 17, 18];
      const places = [0, 1, 2, 3];
      const part = (place) => 19 + place; // of a row of `b`
      const sum = (row, place) => 23 + 4 * row + place;
      const multiply = (...each) => [
        set(panel, get(width)),
        loop(
          set(panel, get(panel), constant(64), minus),
          set(from, get(panel), constant(2), shifted, get(count), times, get(length), times),
          add(from, get(b)),
          places.map((place) => [
            set(part(place), loadFour([get(bias), get(panel), plus], 16 * place)),
            each.map((row) => set(sum(row, place), get(part(place)))),
          ]),
          set(tap, get(offsets)),
          set(lastTap, get(offsets), get(count), constant(4), times, plus),
          loop(
            set(x, get(a), load(get(tap)), plus),
            set(end, get(x), get(length), plus),
            loop(
              places.map((place) => set(part(place), loadFour(get(from), 16 * place))),
              each.map((row) => [
                set(value, loadOneAsFour(get(x), row ? [get(rowStep), plus] : [])),
                places.map((place) => [
                  [get(sum(row, place)), get(value), get(part(place)), four.multiply, four.add],
                  set(sum(row, place)),
                ]),
              ]),
              add(x, constant(4)),
              add(from, constant(64)),
              again(get(x), get(end), isUnequal),
            ),
            add(tap, constant(4)),
            again(get(tap), get(lastTap), isUnequal),
          ),
          set(target, get(c), get(panel), plus),
          each.map((row) => [
            places.map((place) => storeFour(get(target), get(sum(row, place)), 16 * place)),
            add(target, get(columns)),
          ]),
          again(get(panel)),
        ),
        each.map(() => [add(a, get(rowStep)), add(c, get(columns))]),
        set(rows, get(rows), constant(each.length), minus),
      ];
      const areTwo = [get(rows), constant(2), isAtLeast];
      const pairs = when(areTwo, loop(multiply(0, 1), again(areTwo)));
      return define(11, 7, 13, [pairs, when(get(rows), multiply(0))]);
    };

    const sigmoid = () => {
      const [x, top, step, y, end, power, whole, result] = Array(8).keys();
      const factors = [720, 120, 24, 6, 2, 1, 1].map((n, i) => Math.LN2 ** (6 - i) / n);
      const body = [
        // exp(-x) = 2 ** power: the whole part of it, and a series for the rest.
        set(power, loadFour(get(x)), floats(-Math.LOG2E), four.multiply),
        set(power, get(power), floats(126), four.minimum, floats(-126), four.maximum),
        set(whole, get(power), nearest),
        set(power, get(power), get(whole), four.subtract),
        set(result, floats(0)),
        factors.map((factor) => [
          set(result, get(result), get(power), four.multiply, floats(factor), four.add),
        ]),
        [get(whole), toInts, fourOf(new Int32Array(4).fill(127)), addInts, constant(23), shiftInts],
        set(result, get(result), four.multiply, floats(1), four.add),
        storeFour(get(y), [loadFour(get(top)), get(result), four.divide]),
        [add(x, constant(16)), add(top, get(step)), add(y, constant(16))],
      ];
      return define(5, 0, 3, loop(body, again(get(y), get(end), isBelow)));
    };

    const merge = (kind) => {
      const [a, b, y, end] = Array(4).keys();
      const result = [loadFour(get(a)), loadFour(get(b)), four[kind]];
      const steps = [a, b, y].map((local) => add(local, constant(16)));
      const body = [storeFour(get(y), result), steps];
      return define(4, 0, 0, loop(body, again(get(y), get(end), isBelow)));
    };

    const merges = words.map((word) => [word, merge(word)]);
    const all = [["product", product()], ["sigmoid", sigmoid()], ...merges];
    const bytes = [
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, all.map(([, { type }]) => type)),
      section(2, [[name("o"), name("m"), 2, 0, 1]]), // the memory
      section(3, [...all.keys()]),
      section(7, all.map(([word], i) => [name(word), 0, i])),
      section(10, all.map(([, { code }]) => code)),
    ];
    return new WebAssembly.Module(new Uint8Array(bytes.flat(Infinity)));
  })();

  const start = (memory) => new WebAssembly.Instance(kernel, { o: { m: memory } }).exports;
  const roundUp = (n) => Math.ceil(n / ROOM) * ROOM;

  // Axes, each [number of entries, stride] -> where each entry lies, row by row.
  const listPlaces = (axes, first = 0) =>
    axes.reduce(
      (places, [count, stride]) =>
        places.flatMap((place) => Array.from({ length: count }, (_, i) => place + i * stride)),
      [first],
    );

  // A matrix in panels. A value of it lies at the sum of the places of its row and its column.
  function fillPanels(panels, values, rows, columns) {
    for (let row = 0; row < rows.length; row++) {
      for (let column = 0; column < columns.length; column++) {
        const within = column % ROOM;
        const to = (column - within) * rows.length + row * ROOM + within;
        panels[to] = values[rows[row] + columns[column]];
      }
    }
  }

  // What each step does. `x` is the tensor that it reads, or the first, and `y` the one that it
  // makes, `at` tells where they lie in `floats`, all memory, and `array` gives arrays by index.

  const makers = {
    multiply(step, { fast, at }) {
      const { lines, line_step, rows, row_step, length, columns, offsets } = step;
      const gather = [4 * row_step, 4 * at.offsets, offsets.length, 4 * length];
      const matrix = [4 * at.kernel, 4 * at.bias, 4 * roundUp(columns)];
      return () => {
        for (let line = 0; line < lines; line++) {
          const [from, to] = [at.x + line * line_step, at.y + line * rows * columns];
          fast.product(4 * from, ...gather, ...matrix, 4 * to, 4 * columns, rows);
        }
      };
    },

    scatter({ lines, line_step, rows, row_step, down, row, run, bias }, { x, y, array }) {
      const ground = array(bias);
      return () => {
        y.set(ground);
        for (let done = ground.length; done < y.length; done *= 2) {
          y.copyWithin(done, 0, done);
        }
        let from = 0;
        for (let line = 0; line < lines; line++) {
          for (let place = 0; place < rows; place++) {
            for (let part = 0; part < down; part++) {
              const to = line * line_step + place * row_step + part * row;
              for (let i = to; i < to + run; i++) {
                y[i] += x[from++];
              }
            }
          }
        }
      };
    },

    depthwise(step, { x, y, array }) {
      const { lines, line_step, rows, row_step, offsets, channels, multiplier } = step;
      const [kernel, columns] = [array(step.kernel), channels * multiplier];
      const sources = Int32Array.from({ length: columns }, (_, i) => Math.floor(i / multiplier));
      return () => {
        y.fill(0);
        for (let line = 0; line < lines; line++) {
          for (let row = 0; row < rows; row++) {
            const to = (line * rows + row) * columns;
            offsets.forEach((offset, tap) => {
              const from = line * line_step + row * row_step + offset;
              for (let i = 0; i < columns; i++) {
                y[to + i] += x[from + sources[i]] * kernel[tap * columns + i];
              }
            });
          }
        }
      };
    },

    place({ rows, out_rows, corner: [top, left] }, { y, floats, at }) {
      const [[height, width], [outHeight, outWidth]] = [rows, out_rows];
      const [skipped, begin] = [Math.max(0, -left), Math.max(0, left)];
      const count = Math.min(width - skipped, outWidth - begin);
      return () => {
        y.fill(0);
        for (let row = Math.max(0, -top); row < Math.min(height, outHeight - top); row++) {
          const from = at.x + row * width + skipped;
          floats.copyWithin(at.y + (row + top) * outWidth + begin, from, from + count);
        }
      };
    },

    resample({ outer, size, inner, taps, largest }, { x, y }) {
      const join = largest ? Math.max : (sum, value) => sum + value;
      return () => {
        y.fill(largest ? -Infinity : 0);
        for (let block = 0; block < outer; block++) {
          taps.forEach((tap, place) => {
            const to = (block * taps.length + place) * inner;
            for (const [entry, weight] of tap) {
              const from = (block * size + entry) * inner;
              for (let i = 0; i < inner; i++) {
                y[to + i] = join(y[to + i], weight * x[from + i]);
              }
            }
          });
        }
      };
    },

    permute({ axes }, { x, y }) {
      const places = listPlaces(axes);
      return () => places.forEach((place, i) => (y[i] = x[place]));
    },

    affine({ scale, shift }, { x, y, array }) {
      const [scales, shifts] = [array(scale), array(shift)];
      return () => {
        for (let from = 0; from < y.length; from += scales.length) {
          for (let i = 0; i < scales.length; i++) {
            y[from + i] = x[from + i] * scales[i] + shifts[i];
          }
        }
      };
    },

    activate({ kind, options }, { x, y, fast, at }) {
      if (kind === "sigmoid" || kind === "silu") {
        const top = kind === "silu" ? [4 * at.x, 16] : [4 * at.ones, 0];
        return () => fast.sigmoid(4 * at.x, ...top, 4 * at.y, 4 * (at.y + y.length));
      }
      const apply = functions[kind](...options);
      return () => {
        for (let i = 0; i < y.length; i++) {
          y[i] = apply(x[i]);
        }
      };
    },

    slope({ slope }, { x, y, array }) {
      const slopes = array(slope);
      return () => slopes.forEach((one, i) => (y[i] = x[i] > 0 ? x[i] : x[i] * one));
    },

    // log(softmax), or that of which it is the logarithm.
    softmax({ outer, size, inner, logarithm }, { x, y }) {
      return () => {
        for (let line = 0; line < outer * inner; line++) {
          const first = Math.floor(line / inner) * size * inner + (line % inner);
          const places = Array.from({ length: size }, (_, i) => first + i * inner);
          const most = Math.max(...places.map((i) => x[i]));
          const sum = places.reduce((total, i) => total + Math.exp(x[i] - most), 0);
          for (const i of places) {
            const value = x[i] - most - Math.log(sum);
            y[i] = logarithm ? value : Math.exp(value);
          }
        }
      };
    },

    normalize({ outer, middle, groups, size, epsilon }, { x, y }) {
      const axes = [[outer, middle * groups * size], [groups, size]];
      const parts = listPlaces(axes).map((first) =>
        listPlaces([[middle, groups * size], [size, 1]], first),
      );
      return () => {
        for (const part of parts) {
          const mean = part.reduce((sum, i) => sum + x[i], 0) / part.length;
          const variance = part.reduce((sum, i) => sum + (x[i] - mean) ** 2, 0) / part.length;
          part.forEach((i) => (y[i] = (x[i] - mean) / Math.sqrt(variance + epsilon)));
        }
      };
    },

    merge({ kind }, { y, fast, at }) {
      return () => fast[kind](4 * at.x, 4 * at.other, 4 * at.y, 4 * (at.y + y.length));
    },

    concatenate({ runs }, { parts, y }) {
      return () => {
        let to = 0;
        for (let block = 0; to < y.length; block++) {
          parts.forEach((part, place) => {
            y.set(part.subarray(block * runs[place], (block + 1) * runs[place]), to);
            to += runs[place];
          });
        }
      };
    },
  };

  const clip = (x, low, high) => Math.min(Math.max(x, low), high);
  const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  const hardSigmoid = (x) => clip(x / 6 + 0.5, 0, 1);

  // The error function to 1.5e-7 (Abramowitz & Stegun 1964, 7.1.26).
  function erf(x) {
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const factors = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
    return Math.sign(x) * (1 - factors.reduce((sum, one) => (sum + one) * t, 0) * Math.exp(-x * x));
  }

  const functions = {
    relu(most, slope, threshold) {
      const highest = most ?? Infinity;
      return (x) => (x >= threshold ? Math.min(x, highest) : slope * (x - threshold));
    },
    elu: (below, factor) => (x) => factor * (x > 0 ? x : below * Math.expm1(x)),
    clip(low, high, scale = 1, shift = 0) {
      const ends = [low ?? -Infinity, high ?? Infinity];
      return (x) => clip(x * scale + shift, ...ends);
    },
    erf: () => erf,
    exponential: () => Math.exp,
    gelu: () => (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
    hard_shrink: () => (x) => (Math.abs(x) > 0.5 ? x : 0),
    hard_sigmoid: () => hardSigmoid,
    hard_silu: () => (x) => x * hardSigmoid(x),
    hard_tanh: () => (x) => clip(x, -1, 1),
    log_sigmoid: () => (x) => -softplus(-x),
    mish: () => (x) => x * Math.tanh(softplus(x)),
    power: (exponent) => (x) => x ** exponent,
    soft_shrink: () => (x) => x - clip(x, -0.5, 0.5),
    softplus: () => softplus,
    softsign: () => (x) => x / (1 + Math.abs(x)),
    sparse_plus: () => (x) => (x >= 1 ? x : x <= -1 ? 0 : (x + 1) ** 2 / 4),
    sparse_sigmoid: () => (x) => clip((x + 1) / 2, 0, 1),
    squareplus: () => (x) => (x + Math.sqrt(x * x + 4)) / 2,
    tanh: () => Math.tanh,
    tanh_shrink: () => (x) => x - Math.tanh(x),
  };

  // An array out of the packed bytes: float32, float16 with a scale, or int16 with a scale for each
  // column.
  function unpack({ offset, size, scale, middle, step }, bytes) {
    if (step) {
      const steps = new Int16Array(bytes.slice(offset, offset + 2 * size).buffer);
      return Float32Array.from(steps, (n, i) => middle[i % step.length] + n * step[i % step.length]);
    }
    if (scale === undefined) {
      return new Float32Array(bytes.slice(offset, offset + 4 * size).buffer);
    }
    const halves = new Uint16Array(bytes.slice(offset, offset + 2 * size).buffer);
    const bits = new Uint32Array(size);
    const values = new Float32Array(bits.buffer);
    for (let i = 0; i < size; i++) {
      bits[i] = ((halves[i] & 0x8000) << 16) | ((halves[i] & 0x7fff) << 13);
      values[i] *= 2 ** 112 * scale; // both formats count exponents from different numbers
    }
    return values;
  }

  // What `pack` made -> networks. `run(input)` takes and gives a Float32Array; what it gives holds
  // until the same network runs again.
  function makeNetworks(descriptions, packed) {
    const bytes = new Uint8Array(packed.buffer ?? packed, packed.byteOffset, packed.byteLength);
    const [unpacked, blocks] = [new Map(), new Map()];
    let total = 0;

    // Where a piece of memory begins; `fill` is called with it once there is memory. One piece for
    // all that ask with the same key.
    function reserve(size, key, fill = () => {}) {
      if (!blocks.has(key)) {
        blocks.set(key, { from: total, size, fill });
        total += roundUp(size);
      }
      return blocks.get(key).from;
    }

    function read({ arrays }, index) {
      const { offset } = arrays[index];
      unpacked.has(offset) || unpacked.set(offset, unpack(arrays[index], bytes));
      return unpacked.get(offset);
    }

    function reserveMatrix(network, { kernel, bias, offsets }) {
      const [rows, columns] = [listPlaces(kernel.rows, kernel.offset), listPlaces(kernel.columns)];
      const width = roundUp(columns.length);
      const values = read(network, kernel.array);
      const shift = bias === null ? [] : read(network, bias);
      const key = JSON.stringify([network.arrays[kernel.array].offset, kernel]);
      const fillKernel = (view) => fillPanels(view, values, rows, columns);
      const fillOffsets = (view) =>
        new Int32Array(view.buffer, view.byteOffset).set(offsets.map((one) => 4 * one));
      return {
        kernel: reserve(width * rows.length, key, fillKernel),
        bias: reserve(width, bias === null ? width : shift, (view) => view.set(shift)),
        offsets: reserve(offsets.length, String(offsets), fillOffsets),
      };
    }

    const ones = reserve(ROOM, "ones", (view) => view.fill(1));
    const planned = descriptions.map((network) => {
      const ends = network.places.map(([from, size]) => from + size);
      const matrices = network.steps.map((step) => step.do === "multiply" && reserveMatrix(network, step));
      return { network, matrices, base: reserve(Math.max(...ends) + ROOM, network) };
    });
    const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * total) / PAGE) });
    const floats = new Float32Array(memory.buffer);
    const fast = start(memory);
    blocks.forEach(({ from, size, fill }) => fill(floats.subarray(from, from + size)));

    return planned.map(({ network, matrices, base }) => {
      const places = network.places.map(([from, size]) => [base + from, base + from + size]);
      const views = places.map((place) => floats.subarray(...place));
      const array = (index) => read(network, index);
      const steps = network.steps.map((step, index) => {
        const parts = step.in.map((tensor) => views[tensor]);
        const [[x], [other], [y]] = [step.in[0], step.in.at(-1), step.out].map((i) => places[i]);
        const at = { ...matrices[index], x, other, y, ones };
        const tensors = { parts, x: parts[0], y: views[step.out] };
        return makers[step.do](step, { ...tensors, array, floats, fast, at });
      });
      return {
        run(input) {
          views[0].set(input);
          steps.forEach((step) => step());
          return views[network.output];
        },
      };
    });
  }

  // A matrix, row by row -> `times(values, rows)`: rows @ matrix, which holds until the next call.
  function makeMatrix(values, inner, columns) {
    const width = roundUp(columns);
    const [bias, from] = [ROOM + width * inner, ROOM + width * (inner + 1)];
    const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * from) / PAGE) });
    const panels = new Float32Array(memory.buffer, 4 * ROOM);
    fillPanels(panels, values, listPlaces([[inner, columns]]), listPlaces([[columns, 1]]));
    const { product } = start(memory);
    return {
      times(given, rows) {
        const to = from + roundUp(rows * inner);
        const missing = 4 * (to + rows * columns + ROOM) - memory.buffer.byteLength;
        memory.grow(Math.max(0, Math.ceil(missing / PAGE)));
        const floats = new Float32Array(memory.buffer);
        floats.set(given.subarray(0, rows * inner), from);
        const matrix = [4 * ROOM, 4 * bias, 4 * width];
        product(4 * from, 4 * inner, 0, 1, 4 * inner, ...matrix, 4 * to, 4 * columns, rows);
        return floats.subarray(to, to + rows * columns);
      },
    };
  }

  return { makeNetworks, makeMatrix, unpack };
})();
