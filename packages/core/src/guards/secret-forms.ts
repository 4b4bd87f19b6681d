/**
 * Forms of secrets, as their issuers document them, and assignments of values to names such as `password`. Each form runs in
 * time linear in the text. What the environment of this process holds is never looked at: a mark in a text shows that it has
 * the form of a secret, never that it is one of this machine.
 */

/** Letters before a secret that would make it a part of something longer, and after it. */
const begin = "(?<![A-Za-z0-9_-])";
const end = "(?![A-Za-z0-9_-])";
const form = (body: string): RegExp => new RegExp(`${begin}(?:${body})${end}`, "g");

/** Whole secrets, replaced from their first character to their last. */
export const secretForms: readonly RegExp[] = [
  /-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----[\s\S]{1,16000}?-----END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g,
  form("(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
  form("gh[pousr]_[A-Za-z0-9]{36,255}"),
  form("github_pat_[A-Za-z0-9_]{60,255}"),
  form("gl(?:pat|dt|rt|ptt|cbt|soat|ft|imt|agent)-[A-Za-z0-9_-]{20,64}"),
  form("xox[abeoprs]-[A-Za-z0-9-]{10,250}"),
  form("xapp-\\d-[A-Za-z0-9-]{20,250}"),
  /https:\/\/hooks\.slack\.com\/(?:services|workflows)\/[A-Za-z0-9+/]{30,80}/g,
  /https:\/\/(?:[a-z]{1,10}\.)?discord(?:app)?\.com\/api\/webhooks\/\d{15,21}\/[A-Za-z0-9_-]{50,90}/g,
  form("(?:sk|rk|pk_test|sk_org)_(?:live|test|prod)_[A-Za-z0-9]{16,250}"),
  form("whsec_[A-Za-z0-9+/=]{24,100}"),
  form("sk-(?:proj|svcacct|admin|ant|or|lf)-[A-Za-z0-9_-]{20,250}"),
  form("sk-[A-Za-z0-9]{32,64}"),
  form("AIza[A-Za-z0-9_-]{35}"),
  form("ya29\\.[A-Za-z0-9_-]{20,250}"),
  form("GOCSPX-[A-Za-z0-9_-]{28}"),
  form("npm_[A-Za-z0-9]{36}"),
  form("pypi-[A-Za-z0-9_-]{50,250}"),
  form("rubygems_[a-f0-9]{48}"),
  form("dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,64}"),
  form("SG\\.[A-Za-z0-9_-]{16,32}\\.[A-Za-z0-9_-]{32,64}"),
  form("SK[0-9a-f]{32}"),
  form("key-[0-9a-f]{32}"),
  form("\\d{8,10}:AA[A-Za-z0-9_-]{33}"),
  form("[MNO][A-Za-z0-9_-]{23,25}\\.[A-Za-z0-9_-]{6}\\.[A-Za-z0-9_-]{27,38}"),
  form("do[opr]_v1_[a-f0-9]{64}"),
  form("hf_[A-Za-z0-9]{34,40}"),
  form("dapi[a-f0-9]{32}(?:-\\d)?"),
  form("shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
  form("(?:sq0atp|sq0csp|EAAA)[A-Za-z0-9_-]{20,80}"),
  form("hv[sbr]\\.[A-Za-z0-9_-]{24,250}"),
  form("lin_(?:api|oauth)_[A-Za-z0-9]{32,64}"),
  form("(?:ntn_|secret_)[A-Za-z0-9]{40,60}"),
  form("AT(?:ATT|CTT|BB)[A-Za-z0-9_=-]{20,250}"),
  form("dp\\.(?:pt|st|ct|sa)\\.(?:[a-z0-9_-]{2,35}\\.)?[A-Za-z0-9]{40,44}"),
  form("NR(?:AK|JS|II|AA)-[A-Za-z0-9_-]{19,40}"),
  form("gl(?:sa|c)_[A-Za-z0-9+/=_]{30,200}"),
  form("sntr(?:ys|yu)_[A-Za-z0-9+/=_]{40,250}"),
  form("AGE-SECRET-KEY-1[A-Z0-9]{58}"),
  form("sbp_[a-f0-9]{40}"),
  form("nfp_[A-Za-z0-9]{36,40}"),
  form("figd_[A-Za-z0-9_-]{30,60}"),
  form("PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
  form("[A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9_-]{60,70}"),
  form("(?:fo1|fm1[ar]|fm2)_[A-Za-z0-9+/=_-]{40,250}"),
  form("r8_[A-Za-z0-9]{37}"),
  form("xai-[A-Za-z0-9]{60,100}"),
  form("gsk_[A-Za-z0-9]{40,60}"),
  form("pplx-[A-Za-z0-9]{40,64}"),
  form("tskey-(?:auth|api|client)-[A-Za-z0-9-]{20,80}"),
  form("eyJ[A-Za-z0-9_-]{10,4000}\\.eyJ[A-Za-z0-9_-]{10,8000}\\.[A-Za-z0-9_-]{16,1024}"),
  form(
    "eyJ[A-Za-z0-9_-]{10,1000}\\.[A-Za-z0-9_-]{0,1000}\\.[A-Za-z0-9_-]{16}\\.[A-Za-z0-9_-]{16,8000}\\.[A-Za-z0-9_-]{22}",
  ),
];

/** A secret in the middle of something that may stay: the group `secret` is replaced. */
export const secretPlaces: readonly RegExp[] = [
  // scheme://name:password@host
  /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/'"<>]{0,128}:(?<secret>[^\s@/'"<>]{3,256})@(?=[A-Za-z0-9[])/dg,
  /\bauthorization["']?\s{0,4}[:=]\s{0,4}["']?(?:bearer|basic|token|digest|negotiate)\s{1,4}(?<secret>[A-Za-z0-9+/=._~-]{12,8000})/dgi,
  /\bbearer\s{1,4}(?<secret>(?=[A-Za-z0-9+/=._~-]{0,200}\d)[A-Za-z0-9+/=._~-]{20,8000})/dgi,
  /\b(?:AccountKey|SharedAccessKey)=(?<secret>[A-Za-z0-9+/]{40,100}={0,2})/dg,
  /[?&](?:sig|signature|X-Amz-Signature|X-Amz-Security-Token|access_token|refresh_token|api_?key|token|secret|password)=(?<secret>[A-Za-z0-9%+/=._~-]{12,2000})/dgi,
  /\b(?:aws_?)?secret_?access_?key["']?\s{0,4}[:=]{1,2}\s{0,4}["']?(?<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])/dgi,
  /\bPrivateKey\s{0,4}=\s{0,4}(?<secret>[A-Za-z0-9+/]{42,43}=)/dg,
  /\bprivate\s?key["']?\s{0,4}(?::|=|is)\s{0,4}["']?(?<secret>(?:0x)?[0-9a-fA-F]{64})\b/dgi,
];

const secretWords =
  "pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|auth[_-]?key|client[_-]?secret|encryption[_-]?key|signing[_-]?key|credentials?|kennwort|passwort|mot de passe|contraseña";

/** A name of which the value is a secret, and the value as far as it goes. */
export const assignment = new RegExp(
  [
    `(?<![A-Za-z0-9])(?:[A-Za-z0-9]{1,40}[_-]){0,4}(?:${secretWords})(?:[_-][A-Za-z0-9]{1,12})?["'\`]?`,
    String.raw`\s{0,4}(?::=|=>|[:=]|\bis\b|\bwas\b|\bist\b|\best\b|\bes\b)\s{0,4}`,
    "(?<quote>[\"'`]?)",
    "(?<secret>[^\\s\"'`,;<>(){}[\\]\\\\]{6,512})",
    "(?<after>[\"'`([]?)",
  ].join(""),
  "dgi",
);

const secretName =
  /^(?:.*[_-])?(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_-]?key|access[_-]?key|client[_-]?secret|private[_-]?key|credentials?)$/i;

/** Whether a field's name says that its value is a secret; humps count as well as underscores. */
export function isSecretName(name: string): boolean {
  return name.length <= 64 && secretName.test(name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2"));
}

const identifier = /^[A-Za-z_$][\w$]*(?:(?:\.|\?\.|::|->)[A-Za-z_$][\w$]*)+$/;
const placeholder =
  /^(?:[*x.•_-]{3,}|\$|%[A-Z_]+%$|#|\.\.\.|your[-_]|my[-_]|example|changeme|change-me|placeholder|redacted|dummy|todo|none|null|undefined|true|false|string|required|optional)/i;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether what stands behind such a name is a value of its own: no word, no name of a variable, nothing to be filled in. */
export function looksChosen(value: string, isQuoted: boolean): boolean {
  if (value.length < 6 || placeholder.test(value) || identifier.test(value)) return false;
  if (/^(?:https?|wss?|file):\/\//i.test(value) || /^[/~.]/.test(value)) return false;
  const bare = value.replace(/[.!?:]+$/, "");
  if (/^\d+(?:[.,]\d+)*[a-z%]{0,3}$/i.test(bare)) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(bare)).length;
  if (uuid.test(bare)) return true;
  const hasDigit = /\d/.test(bare);
  if (/^[A-Za-z]+$/.test(bare))
    return isQuoted && bare.length >= 16 && kinds > 1 && !/^(?:[A-Z]?[a-z]{3,}){2,}$/.test(bare);
  if (/^[A-Za-z]+(?:[-_/][A-Za-z]+)+$/.test(bare)) return false;
  return bare.length >= 8 ? kinds >= 2 && (hasDigit || kinds >= 3) : kinds >= 3;
}
