const MEANINGS: Record<string, { word: string; fill: number; tone: string; title: string }> = {
  latest: { word: "Latest", fill: 0, tone: "text-caution", title: "In the newest blocks: it may still be undone" },
  safe: { word: "Safe", fill: 0.5, tone: "text-muted", title: "Unlikely to be undone" },
  finalized: { word: "Final", fill: 1, tone: "text-positive", title: "Finalized: it cannot be undone" },
};

/** How settled a fact from the chain is: an empty, half or full circle, and the word. */
export function FinalityMark({ finality }: { finality: string }) {
  const meaning = MEANINGS[finality] ?? { word: finality, fill: 0, tone: "text-muted", title: "" };
  return (
    <span className={`inline-flex items-center gap-1 text-xs whitespace-nowrap ${meaning.tone}`} title={meaning.title}>
      <svg viewBox="0 0 12 12" className="size-2.5" aria-hidden="true">
        <circle cx="6" cy="6" r="5" fill={meaning.fill === 1 ? "currentColor" : "none"} stroke="currentColor" strokeWidth="1.5" />
        {meaning.fill === 0.5 && <path d="M6 1a5 5 0 0 1 0 10z" fill="currentColor" />}
      </svg>
      {meaning.word}
    </span>
  );
}
