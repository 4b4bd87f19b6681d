import { foldName } from "@parley/protocol";

/**
 * Where everything lies in the stores. Each invariant is in one record:
 *
 *   mesh/state               operator chain, node certificate, revocations: who was first, and which list is newest
 *   order/<type>             the newest policy, the newest restrictions
 *   mesh/pepper              random bytes that pairing codes are hashed with
 *   member/<id>              statements of an admitted or revoked member
 *   name/<folded name>       which member holds a name
 *   invite/<hash of secret>  an invite with those who took it
 *   operator-proposal/<id>   another operator set that waits for operators to agree
 *   pairing/<id>             a request to join and its decision
 *   pairing-of/<member>      the newest request of a member
 *   enrolment/<id>           a device link, what a new device asked by it, and the sealed answer
 *   generation/<device>      which session of a device is the newest
 *   mailbox-cursor/<member>  how far each device of a person took the mailbox
 *   mailbox-gap/<member>     what expired before everybody had it
 *   inbox/<member>           which device of an agent holds its inbox
 *   dead/<member>/<offset>   a frame that a device could never take
 *   channel/<id>             a channel: what it is and how long its posts stay
 *   channel-name/<folded>    which channel holds a name
 *   channel-member/<channel>/<member>  who is in a channel, is invited, or was
 *   channel-group/<channel>  an encrypted channel's group: its epoch, newest commit, devices
 *   channel-kept/<channel>   how much of a channel is kept, counted up to an offset
 *   blocks/<member>          whose frames a member does not take
 *   board/<task>             a task on the board: what was asked and by whom, who works on it, how it ended
 *   usage/<node>/<member>    what a member used of its budgets, as one node counted it
 *   token-key/<kid>          a key for session tokens, certified by its node
 *   api-key/<id>             an API key: whose, what for, and the hash of its secret
 *   resource/<hash of name>  who holds an advisory lease, and its generation
 *   audit-checkpoints/<node> what was trimmed from a node's audit log
 *   agreement/<id>           the order of an agreement's acts, and the offer while it is open
 *   audit-witness/<node>/<device>  up to where an operator's device verified it
 *
 * and in the log: mailbox/<member>, device-box/<member>/<device>, channel/<id>, channel-commits/<id>, audit/<node>.
 */
export const keys = {
  meshState: "mesh/state",
  codePepper: "mesh/pepper",
  order: (type: string) => `order/${type}`,
  member: (id: string) => `member/${id}`,
  name: (name: string) => `name/${foldName(name)}`,
  invite: (hash: string) => `invite/${hash}`,
  operatorProposal: (id: string) => `operator-proposal/${id}`,
  pairingOf: (member: string) => `pairing-of/${member}`,
  generation: (device: string) => `generation/${device}`,
  mailboxCursor: (member: string) => `mailbox-cursor/${member}`,
  mailbox: (member: string) => `mailbox/${member}`,
  deviceBox: (member: string, device: string) => `device-box/${member}/${device}`,
  deviceBoxes: (member: string) => `device-box/${member}/`,
  allDeviceBoxes: "device-box/",
  mailboxGap: (member: string) => `mailbox-gap/${member}`,
  inbox: (member: string) => `inbox/${member}`,
  /** With so many digits that the order of keys is that of the offsets. */
  deadLetter: (member: string, offset: number) => `dead/${member}/${String(offset).padStart(16, "0")}`,
  channel: (id: string) => `channel/${id}`,
  channelName: (name: string) => `channel-name/${foldName(name)}`,
  channelMember: (channel: string, member: string) => `channel-member/${channel}/${member}`,
  channelGroup: (id: string) => `channel-group/${id}`,
  channelKept: (id: string) => `channel-kept/${id}`,
  channelCommits: (id: string) => `channel-commits/${id}`,
  agreement: (id: string) => `agreement/${id}`,
  blocks: (member: string) => `blocks/${member}`,
  board: (task: string) => `board/${task}`,
  usage: (node: string, member: string) => `usage/${node}/${member}`,
  resource: (hash: string) => `resource/${hash}`,
  audit: (node: string) => `audit/${node}`,
  auditCheckpoints: (node: string) => `audit-checkpoints/${node}`,
  auditWitness: (node: string, device: string) => `audit-witness/${node}/${device}`,
  auditWitnesses: (node: string) => `audit-witness/${node}/`,
} as const;

/** Prefixes for lists and watches. */
export const prefixes = {
  mesh: "mesh/",
  order: "order/",
  member: "member/",
  invite: "invite/",
  operatorProposal: "operator-proposal/",
  pairing: "pairing/",
  enrolment: "enrolment/",
  mailbox: "mailbox/",
  deadLetter: "dead/",
  channel: "channel/",
  channelName: "channel-name/",
  channelMember: "channel-member/",
  channelGroup: "channel-group/",
  agreement: "agreement/",
  blocks: "blocks/",
  board: "board/",
  tokenKey: "token-key/",
  apiKey: "api-key/",
  resource: "resource/",
} as const;

/** What follows the prefix of a key. */
export function afterPrefix(key: string, prefix: string): string {
  return key.slice(prefix.length);
}
