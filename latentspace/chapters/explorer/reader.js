// Attributes read off a code, and a code corrected until they are as wanted: see
// analysis/code_reader.py.

function makeReader({ dim, many, width, anchor, rounds, longest, ownWeight, ...facts }, read) {
  const names = ["centre", "whitening", "inverse", "landmarks", "weights", "quality", "absent", "present"];
  const { centre, whitening, inverse, landmarks, weights, quality, absent, present } = Object.fromEntries(
    names.map((name) => [name, read(facts[name])]),
  );
  const count = landmarks.length / dim;

  // A vector times a matrix (dim, dim).
  function turn(vector, matrix) {
    const turned = new Float64Array(dim);
    for (let from = 0; from < dim; from++) {
      for (let to = 0; to < dim; to++) {
        turned[to] += vector[from] * matrix[from * dim + to];
      }
    }
    return turned;
  }

  const whiten = (code) => turn(Float64Array.from(code, (x, d) => x - centre[d]), whitening);

  // What is read off a whitened code, (many), and how it changes with it, (many, dim).
  function differentiate(point) {
    const [found, slopes] = [new Float64Array(many), new Float64Array(many * dim)];
    for (let row = 0; row < count; row++) {
      let squared = 0;
      for (let d = 0; d < dim; d++) {
        squared += (point[d] - landmarks[row * dim + d]) ** 2;
      }
      const near = Math.exp(-width * squared);
      for (let a = 0; a < many; a++) {
        const part = near * weights[row * many + a];
        found[a] += part;
        for (let d = 0; d < dim; d++) {
          slopes[a * dim + d] += 2 * width * part * (landmarks[row * dim + d] - point[d]);
        }
      }
    }
    return { found, slopes };
  }

  // Solves a positive definite system, in place, by elimination.
  function solve(matrix, values) {
    const size = values.length;
    for (let at = 0; at < size; at++) {
      for (let row = at + 1; row < size; row++) {
        const factor = matrix[row * size + at] / matrix[at * size + at];
        for (let column = at; column < size; column++) {
          matrix[row * size + column] -= factor * matrix[at * size + column];
        }
        values[row] -= factor * values[at];
      }
    }
    for (let row = size - 1; row >= 0; row--) {
      for (let column = row + 1; column < size; column++) {
        values[row] -= matrix[row * size + column] * values[column];
      }
      values[row] /= matrix[row * size + row];
    }
    return values;
  }

  // One step of Newton's method from a point on the way from its start.
  function findStep(point, start, wanted, roots) {
    const { found, slopes } = differentiate(point);
    const way = point.map((x, d) => x - start[d]);
    const [inner, amiss] = [new Float64Array(many * many), new Float64Array(many)];
    slopes.forEach((slope, at) => (slopes[at] = slope * roots[Math.floor(at / dim)]));
    for (let a = 0; a < many; a++) {
      amiss[a] = roots[a] * (wanted[a] - found[a]) + dot(slopes, a * dim, way, 0, dim);
      for (let b = 0; b < many; b++) {
        inner[a * many + b] = dot(slopes, a * dim, slopes, b * dim, dim) + (a === b ? anchor : 0);
      }
    }
    const solved = solve(inner, amiss);
    const step = way.map((x) => -x);
    slopes.forEach((slope, at) => (step[at % dim] += slope * solved[Math.floor(at / dim)]));
    const length = Math.hypot(...step);
    return length > longest ? step.map((x) => (x * longest) / length) : step;
  }

  // A code that was moved to get an attribute, or to lose it, with all else read as before.
  function correct(code, moved, { place, column, reach }, loses) {
    const wanted = differentiate(whiten(code)).found;
    const roots = Float64Array.from(quality, Math.sqrt);
    for (const other of column) {
      if (loses) {
        roots[other] = 0;
      } else {
        wanted[other] = absent[other];
      }
    }
    const way = reach * (present[place] - absent[place]);
    wanted[place] = loses ? present[place] - way : absent[place] + way;
    roots[place] = Math.sqrt(ownWeight);
    const start = whiten(moved);
    let point = start.slice();
    for (let round = 0; round < rounds; round++) {
      const step = findStep(point, start, wanted, roots);
      point = point.map((x, d) => x + step[d]);
    }
    const back = turn(point.map((x, d) => x - start[d]), inverse);
    return moved.map((x, d) => x + back[d]);
  }

  return { correct };
}
