// What a browser has and Node has not: frames of the screen, by hand.

let waiting: FrameRequestCallback[] = [];

globalThis.requestAnimationFrame = (callback) => waiting.push(callback);

let now = 0;

/** Let the screen draw, so long after the frame before: by default after a quiet moment. */
export function drawFrame(ms = 1_000): number {
  const callbacks = waiting;
  waiting = [];
  now += ms;
  for (const callback of callbacks) callback(now);
  return callbacks.length;
}
