// Points of a map as the images themselves, where these have room.

const ZOOMED = 0.9; // of a whole map
const LEAST_SIDE = 16; // pixels of the screen, the longer side of an image
const MOST_SIDE = 64;
const DENSITY = 0.6; // of the map's area that images may cover
const FRAME = 2; // pixels around an image in its colour
const BEHIND = 0.2; // strength of what is not selected
const STILL_MS = 250; // after which a map counts as no longer moving

function makeMapImages({ plots, coordinates, shareOf, cornerOf, colorOf, isShown, selected }) {
  const spanOf = (space) => plots[space].x_range.end - plots[space].x_range.start;
  const spaces = Object.keys(plots).map((space) => {
    const room = byId(space);
    const canvas = document.createElement("canvas");
    canvas.className = "images";
    room.querySelector(".ring").before(canvas);
    return { space, room, canvas, side: 0, whole: spanOf(space), timer: 0 };
  });
  let asked = 0;

  // Images that lie in the part of the map that is seen, and how large they can be.

  function findSeen({ space, room, whole }) {
    if (!byId("as-images").checked || spanOf(space) > ZOOMED * whole) {
      return [];
    }
    const { x_range, y_range } = plots[space];
    const { x, y } = coordinates(space);
    const most = (DENSITY * room.clientWidth * room.clientHeight) / LEAST_SIDE ** 2;
    const seen = [];
    for (let index = 0; index < x.length && seen.length <= most; index++) {
      const isInside = x[index] >= x_range.start && x[index] <= x_range.end && y[index] >= y_range.start && y[index] <= y_range.end;
      if (isInside && isShown(index)) {
        seen.push(index);
      }
    }
    return seen.length <= most ? seen : [];
  }

  function draw(one) {
    const { space, room, canvas } = one;
    const seen = findSeen(one);
    const [width, height, ratio] = [room.clientWidth, room.clientHeight, devicePixelRatio];
    one.side = seen.length ? Math.min(Math.sqrt((DENSITY * width * height) / seen.length), MOST_SIDE) : 0;
    canvas.hidden = !seen.length;
    if (!seen.length) {
      return;
    }
    Object.assign(canvas, { width: width * ratio, height: height * ratio });
    const paper = canvas.getContext("2d");
    paper.scale(ratio, ratio);
    const [rows, columns] = known.tile;
    const scale = one.side / Math.max(rows, columns);
    paper.lineWidth = FRAME;
    paper.imageSmoothingEnabled = scale * ratio < 1;
    const { x, y } = coordinates(space);
    const chosen = selected();
    const [w, h] = [columns * scale, rows * scale];
    const put = (index) => {
      const [left, top] = shareOf(space, [x[index], y[index]]);
      const [at, from] = [(left * width) / 100 - w / 2, (top * height) / 100 - h / 2];
      paper.drawImage(sheet, ...cornerOf(index), columns, rows, at, from, w, h);
      paper.strokeStyle = colorOf(index);
      paper.strokeRect(at, from, w, h);
    };
    paper.globalAlpha = chosen.size ? BEHIND : 1;
    seen.filter((index) => !chosen.has(index)).forEach(put);
    paper.globalAlpha = 1;
    seen.filter((index) => chosen.has(index)).forEach(put);
  }

  // Whatever changes, they are drawn once a frame.

  function redraw() {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      spaces.forEach(draw);
    });
  }

  // A map that moves goes without its points where images hide these: to draw all is what takes long.

  function move(space) {
    const one = find(space);
    const [points] = plots[space].renderers;
    clearTimeout(one.timer);
    one.timer = setTimeout(() => (points.visible = true), STILL_MS);
    points.visible = one.side === 0;
    redraw();
  }

  const find = (space) => spaces.find((one) => one.space === space);
  const watch = new ResizeObserver(redraw);
  spaces.forEach(({ room }) => watch.observe(room));
  byId("as-images").onchange = redraw;
  return { redraw, move, sideOf: (space) => find(space).side };
}
