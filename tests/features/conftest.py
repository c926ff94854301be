import sys
from pathlib import Path

# the plain-Python oracle and the histories are shared by the tests of this room
sys.path.insert(0, str(Path(__file__).parent))
