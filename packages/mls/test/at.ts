/** What stands at a place of a list; past its end it goes on from the start. */
export function at<Value>(list: readonly Value[], index: number): Value {
  const value = list[index % list.length];
  if (value === undefined) throw new Error("nothing is there");
  return value;
}
