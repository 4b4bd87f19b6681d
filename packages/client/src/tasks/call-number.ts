/** The number of a call or an event whose rest cannot be read, so that nobody waits for an answer that never comes. */
export function callNumberOf(text: string): number | undefined {
  const number = /^\{"call":(\d{1,12})[,}]/.exec(text)?.[1];
  return number === undefined ? undefined : Number(number);
}
