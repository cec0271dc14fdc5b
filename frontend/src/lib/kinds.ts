/** The kinds of work, as the API names them, and in words. */
export const KINDS = {
  CODE: "Code",
  MODEL: "Model",
  MUSIC: "Music",
  TEXT: "Text",
  IMAGE: "Image",
  DATASET: "Data set",
  DESIGN: "Design",
  PHYSICAL: "Physical thing",
} as const;

export type Kind = keyof typeof KINDS;

export function isKind(value: unknown): value is Kind {
  return typeof value === "string" && Object.hasOwn(KINDS, value);
}

/** A kind in words; one that is not known here, as it is. */
export function kindName(kind: string): string {
  return isKind(kind) ? KINDS[kind] : kind;
}
