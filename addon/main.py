"""For `mitmdump -s addon/main.py --set schoolgate_policy=FILE --set schoolgate_state=FOLDER`.

It defines nothing: mitmproxy gives a script's module an identity of its own, and a class defined
here would not be the class that the rest of the program knows.
"""

from addon.enforcer import Enforcer
from addon.handshakes import Handshakes
from addon.script_gate import ScriptGate

_gate = ScriptGate()
addons = [_gate, Enforcer(_gate), Handshakes(_gate)]
