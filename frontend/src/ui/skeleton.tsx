/** A placeholder of the size of what is on its way. Its size comes from `className`. */
export function Skeleton({ className }: { className: string }) {
  return <span aria-hidden="true" className={`skeleton block ${className}`} />;
}

/** Rows on their way, each as high as a real one. */
export function SkeletonRows({ rows, className }: { rows: number; className: string }) {
  return (
    <div className="grid gap-px">
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} className={className} />
      ))}
    </div>
  );
}
