/** Where posts go at `nats-server`: a subject for each author, one subscription for all. */
export const allPosts = "posts.*";
export const postsOf = (author: number): string => `posts.${author}`;
export const authorOf = (subject: string): number => Number(subject.slice(subject.indexOf(".") + 1));
