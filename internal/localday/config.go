package localday

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen/day"
	"switchyard/switch/merchant"
)

// routes are the BIN table of the day: each card scheme clears by a file of its own, as pan.Brand names it.
var routes = []struct{ prefix, destination string }{
	{"4", "visa"},
	{"51", "mastercard"}, {"52", "mastercard"}, {"53", "mastercard"}, {"54", "mastercard"}, {"55", "mastercard"},
	{"22", "mastercard"},
	{"34", "amex"}, {"37", "amex"}, {"35", "jcb"},
}

// Issuer is how the issuer is spoken to; the zero value is switchd's defaults.
type Issuer struct {
	Deadline time.Duration // for an answer
	Dialect  string
	Framing  string
}

// WriteConfig writes switchd's configuration and the day's merchants into the folder and returns the path of the
// former.
func WriteConfig(dir string, issuer Issuer) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	var file struct {
		Merchants []merchant.Profile `yaml:"merchants"`
	}
	for _, m := range day.Merchants {
		file.Merchants = append(file.Merchants, merchant.Profile{
			ID: m.ID, Name: m.Name, Street: m.Street, City: m.City, PostalCode: m.PostalCode, Country: m.Country,
			MCC: m.MCC, Currencies: []string{m.Currency},
		})
	}
	merchants, err := yaml.Marshal(file)
	if err != nil {
		return "", err
	}
	merchantsPath := filepath.Join(dir, "merchants.yaml")
	if err := os.WriteFile(merchantsPath, merchants, 0o600); err != nil {
		return "", err
	}
	var config strings.Builder
	fmt.Fprintf(&config, "merchants:\n  file: %q\n  unknown: refuse\nroutes:\n  rules:\n", merchantsPath)
	for _, r := range routes {
		fmt.Fprintf(&config, "    - {prefix: %q, route: %s, destination: %s, host: issuer}\n",
			r.prefix, r.destination, r.destination)
	}
	if issuer != (Issuer{}) {
		fmt.Fprintf(&config, "issuers:\n  - {name: issuer, address: %q, deadline: %s, dialect: %q, framing: %q}\n",
			daemons.DefaultISO, issuer.Deadline, issuer.Dialect, issuer.Framing)
	}
	configPath := filepath.Join(dir, "switchd.yaml")
	return configPath, os.WriteFile(configPath, []byte(config.String()), 0o600)
}

// FaultyDeadline is how long the issuer has for an answer when it answers badly: what is lost is then known to be
// within the demo's time.
const FaultyDeadline = 300 * time.Millisecond

// faults are issuer-sim's rules for a day with faults: two of a hundred answers are lost, late, doubled or garbled.
const faults = `rules:
  - {name: the answer is lost, probability: 0.005, fault: {kind: no_answer}}
  - {name: the answer comes when the switch has given up, probability: 0.005, fault: {kind: late, delay: 500ms}}
  - {name: the answer comes twice, probability: 0.005, fault: {kind: duplicate, delay: 20ms}}
  - {name: the answer cannot be read, probability: 0.005, fault: {kind: malformed}}
`

// WriteFaults writes the rules into the folder and returns their path.
func WriteFaults(dir string) (string, error) {
	path := filepath.Join(dir, "issuer-rules.yaml")
	return path, os.WriteFile(path, []byte(faults), 0o600)
}
