import { useEffect, useState } from "react";

/** Copies a text that is shown beside it. `what` completes "Copy …". */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const [state, setState] = useState<"ready" | "copied" | "refused">("ready");
  useEffect(() => {
    if (state === "ready") return;
    const timer = setTimeout(() => setState("ready"), 2000);
    return () => clearTimeout(timer);
  }, [state]);

  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setState("copied");
    } catch {
      // Without a secure connection browsers have no clipboard.
      setState("refused");
    }
  }

  const label = { ready: "Copy", copied: "Copied", refused: "Select it to copy" }[state];
  return (
    <button
      type="button"
      onClick={copy}
      className="min-h-6 rounded-sm border border-line px-2 text-xs text-muted hover:border-control hover:text-ink"
    >
      <span aria-live="polite">{label}</span>
      <span className="sr-only"> {what}</span>
    </button>
  );
}
