#!/bin/sh
# Send a Work Order with curl: what goes over the wire, letter by letter.
# usage: sh submit.sh [http://localhost:8000/]
exec curl --silent --show-error --max-time 20 \
  --header 'Content-Type: text/xml; charset=utf-8' \
  --data-binary @- "${1:-http://localhost:8000/}" <<'ORDER'
<?xml version="1.0" encoding="utf-8"?>
<methodCall>
  <methodName>front_desk</methodName>
  <params><param><value><struct>
    <member><name>WOType</name><value><string>Observation</string></value></member>
    <member><name>ID</name><value><string>1</string></value></member>
    <member><name>User</name><value><string>Main Module</string></value></member>
    <member><name>RA</name><value><double>23.1</double></value></member>
    <member><name>Dec</name><value><double>13.2</double></value></member>
    <member><name>Filter</name><value><string>I</string></value></member>
    <member><name>Exposure Time</name><value><double>30.0</double></value></member>
    <member><name>Number of Exposures</name><value><int>1</int></value></member>
  </struct></value></param></params>
</methodCall>
ORDER
