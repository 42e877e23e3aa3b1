const WARN_AT = 0.8;
const CALM_AT = 0.5;

/** Warns once when a queue has filled up to 80 %, and again only after it was down to 50 %. */
export class FillWarning {
  #isUp = false;

  /** @returns whether to warn */
  rises(size: number, bound: number): boolean {
    if (this.#isUp || size < bound * WARN_AT) return false;
    this.#isUp = true;
    return true;
  }

  falls(size: number, bound: number): void {
    if (this.#isUp && size <= bound * CALM_AT) this.#isUp = false;
  }
}
