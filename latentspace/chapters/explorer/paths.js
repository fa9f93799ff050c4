// Paths along the data, as the program walks them: see interpolate/paths.py for the method.

function makeTerrain(facts, read) {
  const { chain, rounds, step, softness, pulls, longest, likely, spread } = facts;
  const [centre, scale, brightness] = [facts.centre, facts.scale, facts.brightness].map(read);
  const [solve, offset, heights] = [facts.solve, facts.offset, facts.heights].map(read);
  const [dim, count] = [centre.length, heights.length];
  const wide = count * dim;
  const whitening = read(facts.whitening); // (dim, wide)
  const whiten = makeMatrix(whitening, dim, wide);
  const unwhiten = makeMatrix(transpose(whitening, dim, wide), wide, dim);
  const within = makeMatrix(read(facts.within), dim, dim);

  // Whitened distances, and what each component has of the density there, of rows of codes.

  function explain(codes, rows) {
    const whitened = Float32Array.from(whiten.times(codes, rows));
    const shares = new Float64Array(rows * count);
    const density = new Float64Array(rows);
    for (let row = 0; row < rows; row++) {
      let highest = -Infinity;
      for (let k = 0; k < count; k++) {
        let squared = 0;
        for (let d = 0; d < dim; d++) {
          const at = row * wide + k * dim + d;
          whitened[at] -= offset[k * dim + d];
          squared += whitened[at] ** 2;
        }
        shares[row * count + k] = heights[k] - squared / 2;
        highest = Math.max(highest, shares[row * count + k]);
      }
      const own = shares.subarray(row * count, (row + 1) * count);
      const sum = own.reduce((sum, log) => sum + Math.exp(log - highest), 0);
      density[row] = highest + Math.log(sum);
      own.forEach((log, k) => (own[k] = Math.exp(log - density[row])));
    }
    return { whitened, shares, density };
  }

  function climb(codes, rows) {
    const { whitened, shares, density } = explain(codes, rows);
    for (let row = 0; row < rows; row++) {
      for (let k = 0; k < count; k++) {
        const share = -shares[row * count + k];
        for (let d = 0; d < dim; d++) {
          whitened[row * wide + k * dim + d] *= share;
        }
      }
    }
    return { density, gradient: unwhiten.times(whitened, rows) };
  }

  function relax(points) {
    const inner = chain - 2;
    const share = Float64Array.from({ length: inner }, (_, at) => (at + 1) / (chain - 1));
    const lengthOf = (row) => Math.sqrt(dot(points, row * dim, points, row * dim, dim));
    const brightnessOf = (row) => dot(points, row * dim, brightness, 0, dim);
    const span = (of, at) => of(0) * (1 - share[at]) + of(chain - 1) * share[at];
    const wanted = Array.from(share, (_, at) => [span(brightnessOf, at), span(lengthOf, at)]);
    let away = 0;
    for (let d = 0; d < dim; d++) {
      away += (points[(chain - 1) * dim + d] - points[d]) ** 2;
    }
    const reach = Math.min(1, Math.sqrt(away / (2 * dim)));
    const codes = new Float32Array(inner * dim);
    const pushed = new Float64Array(inner * dim);
    for (let round = 0; round < rounds; round++) {
      for (let at = 0; at < inner * dim; at++) {
        codes[at] = points[dim + at] * scale[at % dim] + centre[at % dim];
      }
      const { density, gradient } = climb(codes, inner);
      const scaled = Float32Array.from(gradient.subarray(0, inner * dim), (x, at) => x * scale[at % dim]);
      const uphill = within.times(scaled, inner);
      for (let at = 0; at < inner; at++) {
        const short = 1 / (1 + Math.exp((density[at] - likely) / softness));
        const off = brightnessOf(at + 1) - wanted[at][0];
        const length = lengthOf(at + 1);
        const inward = Math.max(wanted[at][1] - length, 0) / spread ** 2 / Math.max(length, 1e-9);
        const force = pushed.subarray(at * dim, (at + 1) * dim);
        for (let d = 0; d < dim; d++) {
          force[d] =
            reach *
            (pulls.density * short * uphill[at * dim + d] -
              pulls.brightness * off * brightness[d] +
              pulls.radius * inward * points[(at + 1) * dim + d]);
        }
        const strength = Math.sqrt(dot(force, 0, force, 0, dim));
        const factor = step * Math.min(1, longest / Math.max(strength, 1e-9));
        for (let d = 0; d < dim; d++) {
          force[d] = points[(at + 1) * dim + d] + factor * force[d];
        }
      }
      const held = step * chain; // by which both ends hold their neighbours
      for (let d = 0; d < dim; d++) {
        pushed[d] += held * points[d];
        pushed[(inner - 1) * dim + d] += held * points[(chain - 1) * dim + d];
      }
      for (let at = 0; at < inner; at++) {
        for (let d = 0; d < dim; d++) {
          let sum = 0;
          for (let other = 0; other < inner; other++) {
            sum += solve[at * inner + other] * pushed[other * dim + d];
          }
          points[(at + 1) * dim + d] = sum;
        }
      }
    }
  }

  return {
    classify(code) {
      const { shares } = explain(code, 1);
      const sums = new Map();
      facts.classes.forEach((label, k) => sums.set(label, (sums.get(label) ?? 0) + shares[k]));
      return [...sums].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
    },
    walk(first, last, frames) {
      const place = (code) => Float64Array.from(code, (x, d) => (x - centre[d]) / scale[d]);
      const points = walkSphere(place(first), place(last), chain);
      relax(points);
      const codes = new Float32Array(frames * dim);
      for (let frame = 0; frame < frames; frame++) {
        const at = (frame * (chain - 1)) / (frames - 1);
        const low = Math.min(Math.floor(at), chain - 2);
        for (let d = 0; d < dim; d++) {
          const before = points[low * dim + d] * (1 - at + low);
          const point = before + points[(low + 1) * dim + d] * (at - low);
          codes[frame * dim + d] = point * scale[d] + centre[d];
        }
      }
      codes.set(first);
      codes.set(last, (frames - 1) * dim);
      return codes;
    },
  };
}

function walkStraight(first, last, frames) {
  const codes = new Float32Array(frames * first.length);
  for (let frame = 0; frame < frames; frame++) {
    const share = frame / (frames - 1);
    first.forEach((x, d) => (codes[frame * first.length + d] = x * (1 - share) + last[d] * share));
  }
  return codes;
}

// About the origin; straight where no great circle is defined.

function walkSphere(first, last, frames) {
  const dim = first.length;
  const [length, lastLength] = [first, last].map((code) => Math.sqrt(dot(code, 0, code, 0, dim)));
  const cosine = dot(first, 0, last, 0, dim) / (length * lastLength);
  const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
  const isCircle = Math.sin(angle) > 1e-3; // not of NaN either
  const points = new Float64Array(frames * dim);
  for (let frame = 0; frame < frames; frame++) {
    const share = frame / (frames - 1);
    const far = length * (1 - share) + lastLength * share;
    const [one, other] = isCircle
      ? [
          (far * Math.sin((1 - share) * angle)) / Math.sin(angle) / length,
          (far * Math.sin(share * angle)) / Math.sin(angle) / lastLength,
        ]
      : [1 - share, share];
    for (let d = 0; d < dim; d++) {
      points[frame * dim + d] = one * first[d] + other * last[d];
    }
  }
  points.set(first);
  points.set(last, (frames - 1) * dim);
  return points;
}

function dot(a, at, b, from, length) {
  let sum = 0;
  for (let d = 0; d < length; d++) {
    sum += a[at + d] * b[from + d];
  }
  return sum;
}

function transpose(matrix, rows, columns) {
  const turned = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned[column * rows + row] = matrix[row * columns + column];
    }
  }
  return turned;
}
