// Keeps a canvas showing its lanes: measures it, listens to what the picture depends on, and paints at most once a
// frame, only when something changed or the time moved by a pixel, and never while the canvas is out of sight.
import { computed, effect, signal, untracked } from "@preact/signals";
import { type Colours, readColors, theme } from "../state/theme.ts";
import { axisLabels } from "./axis.ts";
import { paintLanes } from "./draw.ts";
import { type Hit, hitTest } from "./hit.ts";
import { layoutScene, type Scale, type Scene, type SceneInput, timeOf, xOf } from "./layout.ts";
import { type Link, layoutLinks } from "./links.ts";
import type { LaneModel } from "./model.ts";

export class LanePainter {
  #scene: Scene = { bars: [], ticks: [], curves: [] };
  readonly #width = signal(0);
  #height = 0;
  #frame = 0;
  #inSight = true;
  #stale = false;
  #colours!: Colours;
  #font = "sans-serif";
  readonly #stop: (() => void)[];

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly model: LaneModel,
  ) {
    // The clock alone counts only once it has moved the picture by a pixel.
    const { to, length } = model.window;
    const column = computed(() => Math.round((to.value / length.value) * this.#width.value));
    // An element that is not in the document yet, as in a panel of JupyterLab, has no colours to read.
    const shown = computed(() => this.#width.value > 0);
    const size = new ResizeObserver(() => this.#measure());
    size.observe(canvas.parentElement!);
    const sight = new IntersectionObserver((entries) => {
      this.#inSight = entries.at(-1)!.isIntersecting;
      if (this.#inSight && this.#stale) this.#schedule();
    });
    sight.observe(canvas);
    this.#stop = [
      () => size.disconnect(),
      () => sight.disconnect(),
      () => cancelAnimationFrame(this.#frame),
      effect(() => {
        theme.value;
        shown.value;
        this.#colours = readColors(canvas.parentElement!);
        this.#font = getComputedStyle(canvas.parentElement!).fontFamily;
        this.#schedule();
      }),
      effect(() => {
        model.index.value;
        model.rows.value;
        model.scrollTop.value;
        model.lit;
        model.window.length.value;
        column.value;
        this.#schedule();
      }),
    ];
  }

  stop(): void {
    for (const stop of this.#stop) stop();
  }

  get scale(): Scale {
    return untracked(() => this.model.scale(Math.max(1, this.#width.value)));
  }

  /** What is under a point of the canvas. */
  hit(x: number, y: number): Hit | null {
    return hitTest(this.#scene, this.model.rows.peek().length, x, y + this.model.scrollTop.peek());
  }

  timeAt(x: number): number {
    return timeOf(this.scale, x);
  }

  #measure(): void {
    const { canvas } = this;
    // Whole pixels, whatever the column has: a canvas that is scaled by a hair is blurred.
    this.#width.value = canvas.parentElement!.clientWidth;
    this.#height = canvas.parentElement!.clientHeight;
    canvas.style.width = `${this.#width.peek()}px`;
    canvas.style.height = `${this.#height}px`;
    canvas.width = Math.round(this.#width.peek() * devicePixelRatio);
    canvas.height = Math.round(this.#height * devicePixelRatio);
    this.#paint(); // at once: setting the size has wiped the canvas
  }

  #links(input: SceneInput, near: number | null | undefined): readonly Link[] {
    return layoutLinks(input).filter(({ parent, child }) => near === undefined || parent === near || child === near);
  }

  #schedule(): void {
    this.#stale = true;
    if (this.#frame !== 0 || !this.#inSight) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #paint(): void {
    const context = this.canvas.getContext("2d");
    const { model, scale } = this;
    if (context === null || scale.width <= 1 || this.#height === 0) return;
    this.#stale = false;
    const now = model.store.clock();
    const [first, last] = model.range;
    const follows = model.window.follows.peek();
    const { detailed } = model.options;
    const { crowded, lit } = model;
    const input = {
      index: model.index.peek(),
      rows: model.rows.peek(),
      first,
      last,
      scale,
      now,
      detailed,
      ...(crowded && { near: lit }),
    };
    this.#scene = layoutScene(input);
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    paintLanes(context, {
      scene: this.#scene,
      width: scale.width,
      height: this.#height,
      top: model.scrollTop.peek(),
      grid: axisLabels(scale, follows)
        .filter(({ at, x }) => xOf(scale, at) === x) // a day after a cut stands beside its beginning
        .map(({ x }) => x),
      cuts: scale.cuts.map(({ from }) => xOf(scale, from)),
      nowX: follows ? scale.width : null,
      lit,
      colours: this.#colours,
      detail: detailed ? { links: this.#links(input, crowded ? lit : undefined), font: this.#font } : null,
    });
  }
}
