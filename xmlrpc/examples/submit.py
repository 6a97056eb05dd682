"""Send a Work Order with nothing but the standard library.

usage: python3 submit.py ORDER.json [http://localhost:8000/]

ORDER.json holds an order, or one of the examples beside this file. Run it from any folder that has
no folder called xmlrpc, or Python may take that for its library.
"""

import json
import sys
import xmlrpc.client


def main() -> int:
    """Send the order, print the reply as JSON."""
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding="utf-8") as file:
        order = json.load(file)
    address = sys.argv[2] if len(sys.argv) == 3 else "http://localhost:8000/"
    desk = xmlrpc.client.ServerProxy(address, allow_none=True)
    try:
        reply = desk.front_desk(order.get("order", order))
    except xmlrpc.client.Fault as fault:
        print(f"refused, code {fault.faultCode}:", file=sys.stderr)
        print(fault.faultString, file=sys.stderr)
        return 1
    print(json.dumps(reply, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
