/** The rate of what one session may ask and post: the same bucket as everywhere. */
export { TokenBucket } from "@parley/core";
