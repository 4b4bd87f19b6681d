/** How a screen is divided. Columns and rows, counted from 0; a pane without width is not there. */
export interface Geometry {
  readonly columns: number;
  /** Rows above the status line. */
  readonly body: number;
  readonly list: number;
  /** First column of the conversation. */
  readonly mainLeft: number;
  readonly main: number;
  readonly sideLeft: number;
  readonly side: number;
}

/** Smaller terminals show as much as fits. */
const leastColumns = 20;
const leastRows = 6;

const wide = 120;
const middling = 72;

export function geometryOf(columns: number, rows: number, hasThread: boolean): Geometry {
  const width = Math.max(leastColumns, columns);
  const list = width >= wide ? 26 : width >= middling ? 19 : 0;
  const threadWidth = Math.min(64, Math.floor(width * 0.36));
  const side = width < wide ? 0 : hasThread ? threadWidth : 26;
  const mainLeft = list === 0 ? 0 : list + 1;
  const main = width - mainLeft - (side === 0 ? 0 : side + 1);
  return {
    columns: width,
    body: Math.max(leastRows, rows) - 1,
    list,
    mainLeft,
    main,
    sideLeft: mainLeft + main + 1,
    side,
  };
}
