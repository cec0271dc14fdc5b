/** A name of the API, such as `code_quality` or `order.recorded`, as words that begin a sentence. */
export function sentence(name: string): string {
  const words = name.replaceAll(/[._]/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
