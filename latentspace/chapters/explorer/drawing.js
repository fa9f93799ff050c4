// The panel that takes a drawing, or a file.

const PEN = 0.1; // of the side of the pad
const PAD = 280; // pixels a side
const NUDGES = 40; // steps of an arrow key from side to side of the pad

function makeDrawing({ facts, page, makeLatest, pictureOf, put, clear, keepDrawing, before, showFound, trace }) {
  const [height, width, channels] = facts.shape;
  const draw = byId("draw");
  const pad = byId("pad");
  if (!before.drawing) {
    pad.width = Math.round(PAD * Math.min(1, width / height));
    pad.height = Math.round(PAD * Math.min(1, height / width));
  }
  const paper = pad.getContext("2d", { willReadFrequently: true });
  byId("ink").hidden = channels === 1;
  let pen = null; // where it is
  let cursor = { x: pad.width / 2, y: pad.height / 2, down: false };

  const showDrawn = makeLatest((answer, { image, file }) => {
    const [code, picture, near] = [answer.codes, pictureOf({ pictures: answer.taken }), answer.near[0]];
    put(byId("taken"), picture);
    put(byId("redrawn"), pictureOf(answer));
    const [low, high] = facts.usual;
    const word = answer.error > high ? "more than" : answer.error < low ? "less than" : "as";
    byId("judged").textContent =
      `squared error ${answer.error.toFixed(5)}, ${word} usual: ` +
      `nine of ten images here have ${low.toFixed(5)} to ${high.toFixed(5)}`;
    showFound(draw, near);
    trace(draw, [], [{ places: near, letter: "✎" }]);
    keepDrawing({ image, code, picture, near, name: file ?? "my drawing", file });
  });

  function place(canvas, file) {
    encode({ image: fitPicture(canvas, facts), file });
  }

  const encode = ({ image, file }) => showDrawn("encode", { image, near: facts.place, file });

  function wipe() {
    keepDrawing(null);
    paper.fillStyle = "#000";
    paper.fillRect(0, 0, pad.width, pad.height);
    [byId("taken"), byId("redrawn")].forEach(clear);
    byId("judged").textContent = "Draw, open an image, or drop one here.";
    showFound(draw, []);
    trace(draw);
  }

  function stroke(from, to) {
    Object.assign(paper, {
      strokeStyle: channels === 1 ? "#fff" : byId("ink").value,
      lineWidth: PEN * Math.max(pad.width, pad.height),
      lineCap: "round",
    });
    paper.beginPath();
    paper.moveTo(from.x, from.y);
    paper.lineTo(to.x, to.y);
    paper.stroke();
  }

  const pointOf = ({ offsetX, offsetY }) => ({
    x: (offsetX * pad.width) / pad.clientWidth,
    y: (offsetY * pad.height) / pad.clientHeight,
  });
  pad.onpointerdown = (event) => {
    pad.setPointerCapture(event.pointerId);
    pen = pointOf(event);
    stroke(pen, pen);
  };
  pad.onpointermove = (event) => {
    if (pen) {
      const next = pointOf(event);
      stroke(pen, next);
      pen = next;
    }
  };
  pad.onpointerup = pad.onpointercancel = () => {
    if (pen) {
      pen = null;
      place(pad);
    }
  };
  pad.onkeydown = (event) => {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === " ") {
      cursor.down = !cursor.down;
    } else if (!ways[event.key]) {
      return;
    }
    event.preventDefault();
    const [x, y] = ways[event.key] ?? [0, 0];
    const next = {
      x: Math.min(Math.max(cursor.x + (x * pad.width) / NUDGES, 0), pad.width),
      y: Math.min(Math.max(cursor.y + (y * pad.height) / NUDGES, 0), pad.height),
      down: cursor.down,
    };
    if (cursor.down) {
      stroke(cursor, next);
      place(pad);
    }
    cursor = next;
  };

  async function open(file) {
    try {
      const bitmap = await createImageBitmap(file);
      const canvas = document.createElement("canvas");
      Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
      canvas.getContext("2d").drawImage(bitmap, 0, 0);
      wipe();
      const scale = Math.min(pad.width / bitmap.width, pad.height / bitmap.height);
      const [w, h] = [bitmap.width * scale, bitmap.height * scale];
      paper.drawImage(bitmap, (pad.width - w) / 2, (pad.height - h) / 2, w, h);
      place(canvas, file.name);
    } catch {
      byId("judged").textContent = `${file.name} is no image that this browser reads`;
    }
  }

  byId("wipe").onclick = wipe;
  byId("trace").onclick = () => {
    const canvas = document.createElement("canvas");
    page.cut(canvas, page.current());
    paper.imageSmoothingEnabled = false;
    paper.drawImage(canvas, 0, 0, pad.width, pad.height);
    place(pad);
  };
  byId("file").onchange = ({ target }) => {
    [...target.files].slice(0, 1).forEach(open);
    target.value = "";
  };
  draw.ondragover = (event) => event.preventDefault();
  draw.ondrop = (event) => {
    event.preventDefault();
    [...event.dataTransfer.files].slice(0, 1).forEach(open);
  };

  before.drawing ? encode(before.drawing) : wipe();
  return {};
}
