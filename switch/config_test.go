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
	hash := "sha256:" + strings.Repeat("0a", 32)
	for want, text := range map[string]string{
		`unknown key "gatewy"`:                              "gatewy: {}",
		`log.level: "loud"`:                                 "log: {level: loud}",
		`business_day.follow: "b" is not among the issuers`: fmt.Sprintf(issuer, "") + "\nbusiness_day: {follow: b}",
		"links: 65":                            fmt.Sprintf(issuer, "links: 65"),
		"window: 99999":                        fmt.Sprintf(issuer, "window: 99999"),
		"gateways[0] \"x\": the secret's hash": "gateway: {gateways: [{name: x, secret_hash: abc}]}",
		`gateways[1]: name "x" is taken`:       "gateway: {gateways: [{name: x, secret_hash: '" + hash + "'}, {name: x, secret_hash: '" + hash + "'}]}",
		"gateways[0]: certificate: nobody is asked for one without": "gateway: {tls: {certificate: c, key: k}, gateways: [{name: x, certificate: 'CN=x'}]}",
		"gateway.listen: 0.0.0.0:7583 is not loopback":              "gateway: {listen: '0.0.0.0:7583', gateways: [{name: x, secret_hash: '" + hash + "'}]}",
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
	} {
		if _, err := txswitch.ParseConfig("f.yaml", []byte(text), nil); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
}
