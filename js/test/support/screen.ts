// What a browser has and Node has not: frames of the screen, by hand.

let waiting: FrameRequestCallback[] = [];

globalThis.requestAnimationFrame = (callback) => waiting.push(callback);

/** Let the screen draw. */
export function drawFrame(): number {
  const callbacks = waiting;
  waiting = [];
  for (const callback of callbacks) callback(0);
  return callbacks.length;
}
