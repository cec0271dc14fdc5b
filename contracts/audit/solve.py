"""Answers one SMT query for Halmos: solve.py FILE.

Z3, which Halmos brings, decides most queries at once. Products and quotients of unknown numbers are beyond it; those go
to cvc5, which takes the same words as integers; only its proofs count, not its counterexamples, which Bitwuzla finds.
Yices, which Halmos would ask, is not asked: its version 2.6.4 found counterexamples to a true lemma about a moving price.
"""

import os
import subprocess
import sys

import cvc5

BOTH = ("sat", "unsat")
PROOF = ("unsat",)


def ask_z3(path, seconds):
    z3 = os.path.join(os.path.dirname(sys.executable), "z3")
    return subprocess.run([z3, f"-T:{seconds}", path], capture_output=True, text=True).stdout


def ask_bitwuzla(path, seconds):
    code = (
        "import sys, bitwuzla as b; o = b.Options(); o.set(b.Option.PRODUCE_MODELS, True);"
        "o.set(b.Option.TIME_LIMIT_PER, int(sys.argv[2])); b.Parser(b.TermManager(), o).parse(sys.argv[1])"
    )
    command = [sys.executable, "-c", code, path, str(seconds * 1000)]
    return subprocess.run(command, capture_output=True, text=True).stdout


def ask_cvc5(path, seconds):
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("solve-bv-as-int", "sum")
    solver.setOption("nl-ext-tplanes", "true")
    solver.setOption("tlimit-per", str(seconds * 1000))
    parser = cvc5.InputParser(solver)
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, path)
    answer = ""
    while not (command := parser.nextCommand()).isNull():
        answer += command.invoke(solver, parser.getSymbolManager()) or ""
        if answer:
            break
    return answer


def main(path):
    stages = ((ask_z3, 3, BOTH), (ask_cvc5, 30, PROOF), (ask_bitwuzla, 60, BOTH))
    for solver, seconds, decisive in stages:
        answer = solver(path, seconds)
        if answer.split("\n")[0] in decisive:
            return answer
    return "unknown"


if __name__ == "__main__":
    print(main(sys.argv[1]))
