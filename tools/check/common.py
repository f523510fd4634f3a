"""What the checks share: the root of the tree, the list of its files, the verdict."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(ROOT)

# The folders of the hypervisor itself.
SOURCE = "lib arch mm core drivers ept vm vmx svm vdev block net mgmt boot".split()


def files(*ends, under=None):
    """All files that git tracks or would track, by the ends of their names and by top folder."""
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"],
                         stdout=subprocess.PIPE, check=True, text=True).stdout
    return sorted(name for name in set(out.split("\0")) if name and os.path.isfile(name)
                  and (not ends or name.endswith(ends))
                  and (under is None or name.split("/")[0] in under))


def lines(name):
    with open(name, encoding="utf-8", errors="replace") as f:
        return f.read().splitlines()


def finish(offenders, note=""):
    """Prints the verdict of the check that runs and ends it."""
    name = os.path.basename(sys.argv[0])
    for offender in offenders:
        print(offender)
    if offenders:
        print("check %s: FAILED (%d)" % (name, len(offenders)))
        sys.exit(1)
    print("check %s: ok%s" % (name, " (%s)" % note if note else ""))
    sys.exit(0)
