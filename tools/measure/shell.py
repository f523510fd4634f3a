"""A session at Plinth's shell: commands are typed, and their output is looked at."""
import re
import sys

from measure.session import Session


class Shell(Session):
    def line(self, text):
        """Types it, no more at a time than a receiver without flow control holds."""
        for piece in re.findall(".{1,12}", text):
            self.process.stdin.write(piece.encode())
            self.expect(re.escape(piece))
        self.process.stdin.write(b"\r")
        self.expect("\n")

    def command(self, text, *patterns):
        """Its output has the patterns in order. Returns the output."""
        self.line(text)
        begin = self.seen
        self.expect("(?m)^plinth# ")
        output = rest = self.text[begin:self.seen]
        for pattern in patterns:
            found = re.search(pattern, rest, re.M)
            if not found:
                sys.exit(f"FAIL: {text}: no /{pattern}/ in {output!r}")
            rest = rest[found.end():]
        return output
