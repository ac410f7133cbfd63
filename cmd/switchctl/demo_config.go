package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"switchyard/internal/loadgen/day"
	"switchyard/switch/merchant"
)

// demoRoutes are the BIN table of the demo: each card scheme clears by a file of its own, as pan.Brand names it.
var demoRoutes = []struct{ prefix, destination string }{
	{"4", "visa"}, {"51", "mastercard"}, {"52", "mastercard"}, {"53", "mastercard"}, {"54", "mastercard"}, {"55", "mastercard"},
	{"22", "mastercard"}, {"34", "amex"}, {"37", "amex"}, {"35", "jcb"},
}

// writeDemoConfig writes switchd's configuration and the day's merchants into the folder and returns the path of the
// former.
func writeDemoConfig(dir string) (string, error) {
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
	for _, r := range demoRoutes {
		fmt.Fprintf(&config, "    - {prefix: %q, route: %s, destination: %s, host: issuer}\n", r.prefix, r.destination, r.destination)
	}
	configPath := filepath.Join(dir, "switchd.yaml")
	return configPath, os.WriteFile(configPath, []byte(config.String()), 0o600)
}
