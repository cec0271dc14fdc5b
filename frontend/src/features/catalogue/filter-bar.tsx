import { useEffect, useId, useRef, useState } from "react";
import { KINDS, isKind } from "../../lib/kinds";
import type { CatalogueFilters } from "./queries";

/** Typing is looked up when it pauses. */
const PAUSE = 250;

interface Props {
  filters: CatalogueFilters;
  onChange: (filters: CatalogueFilters) => void;
}

export function FilterBar({ filters, onChange }: Props) {
  const kindId = useId();
  const { kind, listed } = filters;
  return (
    <form role="search" aria-label="Catalogue" className="flex flex-wrap items-center gap-x-4 gap-y-3" onSubmit={(event) => event.preventDefault()}>
      <SearchBox
        words={filters.q ?? ""}
        onChange={(q) => onChange({ ...(kind ? { kind } : {}), ...(listed ? { listed } : {}), ...(q.trim() ? { q } : {}) })}
      />
      <label htmlFor={kindId} className="sr-only">
        Kind of work
      </label>
      <select
        id={kindId}
        className="control px-3 text-sm"
        value={kind ?? ""}
        onChange={({ target: { value } }) => {
          const { kind: _, ...others } = filters;
          onChange(isKind(value) ? { ...others, kind: value } : others);
        }}
      >
        <option value="">All kinds</option>
        {Object.entries(KINDS).map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
      <label className="flex min-h-11 items-center gap-2 text-sm">
        <input
          type="checkbox"
          className="size-4 accent-accent"
          checked={listed ?? false}
          onChange={({ target: { checked } }) => {
            const { listed: _, ...others } = filters;
            onChange(checked ? { ...others, listed: true } : others);
          }}
        />
        For sale
      </label>
    </form>
  );
}

function SearchBox({ words, onChange }: { words: string; onChange: (words: string) => void }) {
  const id = useId();
  const [draft, setDraft] = useState(words);
  const sent = useRef(words);
  const latest = useRef(onChange);
  useEffect(() => {
    latest.current = onChange;
  });

  // The address changed by other means, such as "back": show what it says.
  useEffect(() => {
    if (words === sent.current) return;
    sent.current = words;
    setDraft(words);
  }, [words]);

  useEffect(() => {
    if (draft.trim() === sent.current.trim()) return;
    const timer = setTimeout(() => {
      sent.current = draft.trim();
      latest.current(draft.trim());
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [draft]);

  return (
    <div className="w-full sm:w-auto sm:min-w-64 sm:flex-1">
      <label htmlFor={id} className="sr-only">
        Search titles and descriptions
      </label>
      <input
        id={id}
        type="search"
        className="control w-full px-3 placeholder:text-muted"
        placeholder="Search titles and descriptions"
        maxLength={200}
        autoComplete="off"
        value={draft}
        onChange={({ target: { value } }) => setDraft(value)}
      />
    </div>
  );
}
