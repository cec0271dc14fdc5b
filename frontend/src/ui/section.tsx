import { useId, type ReactNode } from "react";

interface Props {
  title: string;
  /** Beside the title: a count, a state. */
  note?: ReactNode;
  children: ReactNode;
}

/** A part of a page, under a thin line. */
export function Section({ title, note, children }: Props) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="border-t border-line pt-4 pb-8">
      <div className="mb-4 flex flex-wrap items-baseline justify-between gap-x-4">
        <h2 id={id} className="text-lg font-semibold">
          {title}
        </h2>
        {note !== undefined && <p className="text-sm text-muted">{note}</p>}
      </div>
      {children}
    </section>
  );
}
