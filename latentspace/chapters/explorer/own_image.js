// A drawing or a file in the form of the data, as the program does it: see datasets/own_image.py.

const LIGHT = 127; // of 255: the ground of a grey picture that is inverted
const CONTRAST = 40; // of 255, of what is drawn and its ground

function fitPicture(canvas, { shape: [height, width, channels], ink }) {
  let [source, { ground, pixels }] = [canvas, look(canvas, channels)];
  if (channels === 1 && ground[0] > LIGHT) {
    const inverted = document.createElement("canvas");
    Object.assign(inverted, { width: canvas.width, height: canvas.height });
    const context = inverted.getContext("2d");
    context.filter = "invert(1)";
    context.drawImage(canvas, 0, 0);
    source = inverted;
    ({ ground, pixels } = look(source, channels));
  }
  const box = findInk(pixels, canvas.width, channels, ground);
  let [area, room] = [[0, 0, canvas.width, canvas.height], [width, height]];
  if (ink && box) {
    [area, room] = [box, [ink.side, ink.side]];
  }
  const scale = Math.min(room[0] / area[2], room[1] / area[3]);
  const [w, h] = [area[2], area[3]].map((side) => Math.max(1, Math.round(side * scale)));
  const fitted = shrink(source, area, w, h);
  const image = new Float32Array(height * width * channels);
  for (let at = 0; at < image.length; at++) {
    image[at] = ground[at % channels] / 255;
  }
  const values = toValues(fitted.getImageData(0, 0, w, h).data, channels);
  let [top, left] = [Math.floor((height - h) / 2), Math.floor((width - w) / 2)];
  if (ink?.centre && values.some((value) => value > 0)) {
    const [x, y] = findMass(values, w);
    left = Math.min(Math.max(Math.round(ink.centre[0] - x), 0), width - w);
    top = Math.min(Math.max(Math.round(ink.centre[1] - y), 0), height - h);
  }
  for (let y = 0; y < h; y++) {
    for (let at = 0; at < w * channels; at++) {
      image[((top + y) * width + left) * channels + at] = values[y * w * channels + at] / 255;
    }
  }
  return image;
}

// RGBA -> grey or RGB; what is transparent is on black.

function toValues(data, channels) {
  const values = new Uint8ClampedArray((data.length / 4) * channels);
  for (let pixel = 0; pixel < data.length / 4; pixel++) {
    const [red, green, blue] = data.subarray(4 * pixel, 4 * pixel + 3);
    if (channels === 1) {
      values[pixel] = 0.299 * red + 0.587 * green + 0.114 * blue;
    } else {
      values.set([red, green, blue], 3 * pixel);
    }
  }
  return values;
}

// The values of a canvas, and of its ground: the median of its border.

function look(canvas, channels) {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, width, height);
  const pixels = toValues(data, channels);
  const border = [];
  for (let x = 0; x < width; x++) {
    border.push(x, (height - 1) * width + x);
  }
  for (let y = 0; y < height; y++) {
    border.push(y * width, y * width + width - 1);
  }
  const ground = Array.from({ length: channels }, (_, channel) => {
    const values = border.map((pixel) => pixels[pixel * channels + channel]).sort((a, b) => a - b);
    return values[values.length >> 1];
  });
  return { pixels, ground };
}

// Left, top, width and height of what differs from the ground; null where nothing does.

function findInk(pixels, width, channels, ground) {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  for (let at = 0; at < pixels.length; at++) {
    if (Math.abs(pixels[at] - ground[at % channels]) > CONTRAST) {
      const pixel = Math.floor(at / channels);
      const [x, y] = [pixel % width, Math.floor(pixel / width)];
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
  }
  return right < 0 ? null : [left, top, right - left + 1, bottom - top + 1];
}

// The centre of mass of grey values, from left and from top.

function findMass(values, width) {
  let [sum, x, y] = [0, 0, 0];
  values.forEach((value, at) => {
    sum += value;
    x += value * (at % width);
    y += value * Math.floor(at / width);
  });
  return [x / sum, y / sum];
}

// Part of a canvas in another size; halved as often as it can be, so that every pixel counts.

function shrink(source, area, width, height) {
  let [from, [left, top, w, h]] = [source, area];
  while (true) {
    const [nextW, nextH] = [Math.max(width, Math.ceil(w / 2)), Math.max(height, Math.ceil(h / 2))];
    const isLast = nextW === width && nextH === height;
    const next = document.createElement("canvas");
    Object.assign(next, { width: nextW, height: nextH });
    const context = next.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(from, left, top, w, h, 0, 0, nextW, nextH);
    if (isLast) {
      return context;
    }
    [from, left, top, w, h] = [next, 0, 0, nextW, nextH];
  }
}
