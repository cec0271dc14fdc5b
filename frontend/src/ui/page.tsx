import type { ReactNode } from "react";

/** The browser's title for a page. */
export function PageTitle({ children }: { children: string }) {
  return <title>{`${children} · Tributary`}</title>;
}

/** The width that every page and the header share. */
export function Column({ children, className = "" }: { children: ReactNode; className?: string }) {
  return <div className={`mx-auto w-full max-w-[1200px] px-4 sm:px-6 ${className}`}>{children}</div>;
}
