/** Room for the JSON of a page, in characters: a reply is one control message (`limits.controlBytes`), and has more in it. */
export const pageCharacters = 112 * 1024;
