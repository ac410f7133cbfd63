package txswitch_test

import (
	"fmt"
	"strings"
	"testing"

	txswitch "switchyard/switch"
)

// What serve would refuse, the check of the file refuses before, and names the key.
func TestConfigSaysWhatIsWrong(t *testing.T) {
	const issuer = "issuers: [{name: a, address: '127.0.0.1:1', %s}]"
	const listening = "issuers: [{name: a, listen: '"
	hash := "sha256:" + strings.Repeat("0a", 32)
	of := "token_hash: '" + hash + "'"
	ann := "name: ann, roles: [read, operate, approve], " + of
	known := func(identities ...string) string {
		return "operator:\n  identities: [{" + strings.Join(identities, "}, {") + "}]"
	}
	for want, text := range map[string]string{
		`unknown key "gatewy"`: "gatewy: {}",
		`log.level: "loud"`:    "log: {level: loud}",
		`core_dumps: "no": expected allow, refuse or nothing`: "core_dumps: 'no'",
		"core_dumps: allow, with clearing.production":         "core_dumps: allow\nclearing: {production: true}",
		`business_day.follow: "b" is not among the issuers`: fmt.Sprintf(
			issuer, "") + "\nbusiness_day: {follow: b}",
		"listen: 0.0.0.0:1 is not loopback: set from, or tls with ca": listening + "0.0.0.0:1'}]",
		"listen: address x: missing port":                             listening + "x'}]",
		`issuers[1]: address: "127.0.0.1:1" is that of issuer "a"`: "issuers: [{name: a, address: '127.0.0.1:1'}, " +
			"{name: b, address: '127.0.0.1:1'}]",
		`issuers[1]: address: "HOST:1" is that of issuer "a"`: "issuers: [{name: a, address: 'host:1'}, " +
			"{name: b, address: 'HOST:1'}]",
		`issuers[1]: address: "[0::1]:1" is that of issuer "a"`: "issuers: [{name: a, address: '[::1]:1'}, " +
			"{name: b, address: '[0::1]:1'}]",
		"address: given together with listen":                             listening + ":1', address: ':2'}]",
		`from[0]: "x": expected an address such as 10.1.2.3 or a network`: listening + ":1', from: [x]}]",
		"from: given without listen":                                      fmt.Sprintf(issuer, "from: [10.0.0.1]"),
		"tls: expected certificate and key, and no server_name": listening +
			"127.0.0.1:1', tls: {ca: a}}]",
		"issuers[0]: match: 39: expected some of 2 3 4 7 12 37 41 49": fmt.Sprintf(issuer, "match: [7, 39]"),
		"issuers[0]: latest_answer: 10s: expected more than deadline": fmt.Sprintf(issuer, "match: [], latest_answer: 10s"),
		"issuers[0]: latest_answer: given, and match has 7 or 37":     fmt.Sprintf(issuer, "latest_answer: 1m"),
		`issuers[0]: sign_on: "off": expected required, optional or`:  fmt.Sprintf(issuer, "sign_on: 'off'"),
		"links: 65":     fmt.Sprintf(issuer, "links: 65"),
		"window: 99999": fmt.Sprintf(issuer, "window: 99999"),
		`framing "ascii5": "ascii5": want a length (binary2, binary4, bcd2, ascii4 or none)`: fmt.Sprintf(
			issuer, "framing: ascii5"),
		`framing "none+inclusive": "inclusive": want a length that counts itself, not none`: fmt.Sprintf(
			issuer, "framing: none+inclusive"),
		"gateways[0] \"x\": the secret's hash": "gateway: {gateways: [{name: x, secret_hash: abc}]}",
		`gateways[1]: name "x" is taken`: "gateway: {gateways: [{name: x, secret_hash: '" + hash +
			"'}, {name: x, secret_hash: '" + hash + "'}]}",
		"gateways[0]: certificate: nobody is asked for one without": "gateway: {tls: {certificate: c, key: k}, gateways: " +
			"[{name: x, certificate: 'CN=x'}]}",
		"gateway.listen: 0.0.0.0:7583 is not loopback": "gateway: {listen: '0.0.0.0:7583', gateways: [{name: " +
			"x, secret_hash: '" + hash + "'}]}",
		"operator.listen: missing, and so is operator.socket": "operator: {listen: ''}",
		"operator.listen: address nowhere: missing port":      "operator: {listen: nowhere}",
		"operator.socket: 101 bytes":                          "operator: {socket: " + strings.Repeat("s", 101) + "}",
		"operator.tls: expected certificate and key":          "operator: {tls: {certificate: c}}",
		"operator.tls: peer, server_name: not expected":       "operator: {tls: {certificate: c, key: k, server_name: a}}",
		"gateway.tls: peer, server_name: not expected":        "gateway: {tls: {certificate: c, key: k, ca: a, peer: CN=x}}",
		"gateway.tls.crl: given without ca":                   "gateway: {tls: {certificate: c, key: k, crl: [a]}}",
		`issuers[0]: tls.stale_crl: "no": expected alarm or refuse`: fmt.Sprintf(
			issuer, "tls: {ca: a, crl: [b], stale_crl: 'no'}"),
		"issuers[0]: tls.stale_crl: given without crl": fmt.Sprintf(issuer, "tls: {ca: a, stale_crl: alarm}"),
		"issuers[0]: tls.peer: given without ca":       fmt.Sprintf(issuer, "tls: {peer: CN=x}"),
		"issuers[0]: tls.peer: given together with":    fmt.Sprintf(issuer, "tls: {ca: a, peer: CN=x, server_name: x}"),
		`issuers[0]: tls.peer: "x": "x" has no =`:      fmt.Sprintf(issuer, "tls: {ca: a, peer: x}"),
		`gateways[0]: certificate: "cn=x": "cn=x": a part begins with one of CN`: "gateway: {tls: {certificate: c, key: k, " +
			"ca: a}, gateways: [{name: x, certificate: cn=x}]}",
		"operator.identities[0]: certificate: nobody is asked for one": known("name: ann, roles: [read], certificate: CN=x"),
		"set operator.tls and operator.identities first":               "operator: {listen: '0.0.0.0:9583'}",
		"10.0.0.1:9583 is not loopback: set operator.tls first":        known(ann) + "\n  listen: '10.0.0.1:9583'",
		":9 is not loopback: set operator.identities first": "operator: {listen: ':9', tls: {certificate: c, key: " +
			"k}}",
		`operator.identities[0] "": name: expected 1 to 64`:     known(of + ", roles: [read]"),
		`operator.identities[0] "x": token_hash: the secret's`:  known("name: x, token_hash: abc, roles: [read]"),
		`operator.identities[0] "x": roles: expected at least`:  known("name: x, " + of),
		`operator.identities[0] "x": roles: "admin": expected`:  known("name: x, roles: [admin], " + of),
		`operator.identities[0] "x": roles: "read": expected`:   known("name: x, roles: [read, read], " + of),
		`operator.identities[0] "socket": name: expected anoth`: known("name: socket, roles: [read], " + of),
		`operator.identities[1] "ann": name: it is taken`:       known(ann, ann),
		`operator.identities[1] "bob": token_hash: another ide`: known(ann, strings.Replace(ann, "ann", "bob", 1)),
	} {
		_, err := txswitch.ParseConfig("f.yaml", []byte(text), nil)
		if err == nil || !strings.HasPrefix(err.Error(), "f.yaml: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nerror %v, want f.yaml: …%s…", text, err, want)
		}
	}
	for _, text := range []string{
		"gateway: {listen: '0.0.0.0:7583', tls: {certificate: c, key: k, ca: a}, gateways: [{name: x, certificate: 'CN=x'}]}",
		fmt.Sprintf(issuer, "") + "\nbusiness_day: {follow: a}",
		"business_day: {follow: issuer}",
		listening + "127.0.0.1:1'}]",
		listening + ":1', from: [10.1.2.3, 10.2.0.0/16]}]",
		listening + ":1', tls: {certificate: c, key: k, ca: a}}]",
		fmt.Sprintf(issuer, "match: [2, 3, 4, 7, 12, 37, 41, 49], sign_on: optional, no_echo: true"),
		fmt.Sprintf(issuer, "match: [37], sign_on: none"),
		"operator: {listen: '', socket: operator}",
		known(ann),
		known(ann) + "\n  listen: '0.0.0.0:9583'\n  tls: {certificate: c, key: k}",
	} {
		if _, err := txswitch.ParseConfig("f.yaml", []byte(text), nil); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
}
