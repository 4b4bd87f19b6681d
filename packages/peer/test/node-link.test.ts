import { NodeLinkFactory } from "@parley/peer/node";
import { describeLink } from "@parley/testkit/compliance/link";

describeLink("NodeLinkFactory", () => {
  const reported: unknown[] = [];
  const reportError = (error: unknown) => reported.push(error);
  return { left: new NodeLinkFactory({ reportError }), right: new NodeLinkFactory({ reportError }), reported };
});
