import type { ReactNode } from "react";
import { ApiProblem } from "../api/problem";

/** Nothing to show: one sentence, one action at most. */
export function Empty({ children, action }: { children: ReactNode; action?: ReactNode }) {
  return (
    <div className="text-sm text-muted">
      <p>{children}</p>
      {action && <div className="mt-3">{action}</div>}
    </div>
  );
}

/** What happened, what is safe, a way to try again, and the id that finds it in the server's log. */
export function Failure({ error, retry }: { error: unknown; retry: () => void }) {
  const problem = error instanceof ApiProblem ? error : undefined;
  return (
    <div role="alert" className="rounded-md border border-danger px-4 py-4 text-sm">
      <p className="font-medium text-danger">{problem?.message ?? "Something went wrong on this page."}</p>
      <p className="mt-1 text-muted">Looking changes nothing: works and money are as the chain has them.</p>
      <div className="mt-3 flex flex-wrap items-center gap-4">
        <Button onClick={retry}>Try again</Button>
        {problem?.traceId && (
          <p className="text-xs text-muted">
            Trace id <span className="font-mono">{problem.traceId}</span>
          </p>
        )}
      </div>
    </div>
  );
}

export function Button({ onClick, disabled = false, children }: { onClick: () => void; disabled?: boolean; children: ReactNode }) {
  return (
    <button type="button" onClick={onClick} disabled={disabled} className="control px-4 text-sm font-medium hover:border-ink disabled:text-muted">
      {children}
    </button>
  );
}
