/** A number in [0, 1): the only way chance enters the program. */
export type Random = () => number;

export const systemRandom: Random = () => Math.random();
