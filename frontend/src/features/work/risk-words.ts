/** How likely something is, 0 to 1, as people say it. */
export function likelihood(probability: number): string {
  if (probability < 0.01) return "less than 1 in 100";
  if (probability > 0.99) return "more than 99 in 100";
  return `about ${Math.round(probability * 100)} in 100`;
}

/** The words and the tone of a level of risk. */
export function levelOf(level: string): { word: string; tone: string } {
  return LEVELS[level] ?? { word: level, tone: "text-muted" };
}

const LEVELS: Record<string, { word: string; tone: string }> = {
  low: { word: "Low risk", tone: "text-positive" },
  medium: { word: "Some risk", tone: "text-caution" },
  high: { word: "High risk", tone: "text-danger" },
};

/** A sentence of the agent's: it begins with a capital and ends with a stop. */
export function spoken(says: string): string {
  const text = says.charAt(0).toUpperCase() + says.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
