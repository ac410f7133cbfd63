// Package config reads YAML configuration strictly: an unknown key, a doubled one and a value of the wrong type are
// errors that name the file, the line and what is expected there. What it costs to read a file grows with its length
// and no faster, whatever stands in it. It is not the configuration itself; each daemon declares its own.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxBytes bounds a configuration file.
const maxBytes = 16 << 20

// Decode reads one YAML document into a struct. Keys that the struct does not name are errors. An empty document leaves
// the struct as it is, so defaults are set before.
func Decode(name string, text []byte, into any) error {
	if len(text) > maxBytes {
		return fmt.Errorf("%s: longer than %d bytes", name, maxBytes)
	}
	var document yaml.Node // as it stands, before the library holds it against anything
	err := yaml.Unmarshal(text, &document)
	if err == nil {
		err = checkKeys(&document)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	err = dec.Decode(into)
	var wrong *yaml.TypeError
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &wrong):
		return faults(name, wrong.Errors, typesOf(into))
	default:
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: one YAML document expected, another follows it", name)
	}
	if err := wholeIn(&document, reflect.TypeOf(into)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Duration is a time.Duration written as in "250ms" or "10s".
type Duration time.Duration

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	v, err := time.ParseDuration(node.Value)
	if err != nil || v < 0 {
		return fmt.Errorf("line %d: %q is no duration: expected one like 250ms or 10s", node.Line, node.Value)
	}
	*d = Duration(v)
	return nil
}

// TimeOfDay is a local time of day written HH:MM, kept as the time since midnight.
type TimeOfDay time.Duration

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *TimeOfDay) UnmarshalYAML(node *yaml.Node) error {
	v, err := time.Parse("15:04", node.Value)
	if err != nil {
		return fmt.Errorf("line %d: %q is no time of day: expected HH:MM", node.Line, node.Value)
	}
	*t = TimeOfDay(time.Duration(v.Hour())*time.Hour + time.Duration(v.Minute())*time.Minute)
	return nil
}

// TLS names the files of one side of TLS.
type TLS struct {
	Certificate string `yaml:"certificate"` // PEM file
	Key         string `yaml:"key"`         // PEM file
	// CA is a PEM file of the authorities that the other side's certificate must come from. On a port it makes client
	// certificates required.
	CA string `yaml:"ca"`
	// ServerName is the name expected in the issuer's certificate, where it differs from the address.
	ServerName string `yaml:"server_name"`
	// Peer is the name that the issuer's certificate has, as package certname writes it. It is looked at in place of the
	// address.
	Peer string `yaml:"peer"`
	// CRL are files of the lists by which the authorities of CA revoke certificates.
	CRL []string `yaml:"crl"`
	// StaleCRL says what a list past its nextUpdate is for: alarm, which is the default, or refuse.
	StaleCRL string `yaml:"stale_crl"`
}

// Check holds what is said of the other side's certificates against itself. Nil is well.
func (t *TLS) Check() error {
	switch {
	case t == nil:
	case len(t.CRL) > 0 && t.CA == "":
		return errors.New("crl: given without ca; expected the authorities whose lists they are")
	case t.StaleCRL != "" && t.StaleCRL != staleAlarm && t.StaleCRL != staleRefuse:
		return fmt.Errorf("stale_crl: %q: expected %s or %s", t.StaleCRL, staleAlarm, staleRefuse)
	case t.StaleCRL != "" && len(t.CRL) == 0:
		return errors.New("stale_crl: given without crl")
	case t.Peer != "" && t.CA == "":
		return errors.New("peer: given without ca; expected the authorities that may say who it is")
	case t.Peer != "" && t.ServerName != "":
		return errors.New("peer: given together with server_name; expected one of them")
	}
	return nil
}

// What a list past its time is for.
const (
	staleAlarm  = "alarm"
	staleRefuse = "refuse"
)

// RefusesStale tells whether what a list past its nextUpdate would be asked about is refused.
func (t *TLS) RefusesStale() bool { return t.StaleCRL == staleRefuse }
