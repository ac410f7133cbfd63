package spec_test

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"switchyard/spec"
)

func TestMessage(t *testing.T) {
	var m spec.Message
	if m.MTI() != "" || m.MTIBytes() != nil || m.Has(2) || m.Bytes(2) != nil || m.String(2) != "" {
		t.Error("the zero Message is not empty")
	}
	m.SetMTI("0100")
	m.Set(41, "TERM0001")
	m.SetBytes(2, []byte("4111111111111111"))
	m.SetUint(4, 12345, 12)
	m.SetUint(11, 1234567, 6)
	m.Set(128, "")
	if m.MTI() != "0100" || string(m.MTIBytes()) != "0100" {
		t.Errorf("MTI %q, %q", m.MTI(), m.MTIBytes())
	}
	if got := m.String(4); got != "000000012345" {
		t.Errorf("SetUint(4, 12345, 12) is %q", got)
	}
	if got := m.String(11); got != "1234567" {
		t.Errorf("SetUint beyond the width is %q, want no digit cut", got)
	}
	if !m.Has(128) || m.Bytes(128) == nil || len(m.Bytes(128)) != 0 {
		t.Error("an empty DE is not present and empty")
	}
	var order []int
	for de := range m.Fields {
		order = append(order, de)
	}
	if want := []int{2, 4, 11, 41, 128}; !slices.Equal(order, want) {
		t.Errorf("Fields yields %v, want %v", order, want)
	}
	for de := range m.Fields {
		if de == 4 {
			break // must stop there
		}
	}

	var copied spec.Message
	copied.CopyFrom(&m)
	copied.CopyFrom(&copied)
	m.Set(2, "5555555555554444")
	m.Set(41, "LONGER THAN BEFORE")
	if copied.String(2) != "4111111111111111" || copied.String(41) != "TERM0001" || copied.MTI() != "0100" {
		t.Error("a copy changes with its original")
	}
	if m.String(2) != "5555555555554444" || m.String(41) != "LONGER THAN BEFORE" || m.String(4) != "000000012345" {
		t.Error("setting a DE again does not replace it alone")
	}
	m.Set(2, "4")
	if m.String(2) != "4" || m.String(4) != "000000012345" {
		t.Error("a shorter value does not replace a longer one")
	}
	m.Unset(2)
	if m.Has(2) || m.Bytes(2) != nil || !m.Has(4) {
		t.Error("Unset does not remove one DE")
	}
	m.Reset()
	if m.MTI() != "" || m.Has(4) {
		t.Error("Reset leaves something")
	}
}

// TestSetKeepsItsMemory: a message that is changed over and over does not grow.
func TestSetKeepsItsMemory(t *testing.T) {
	var m spec.Message
	value := make([]byte, 10000)
	m.SetBytes(48, value)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 1000 {
		m.SetBytes(48, value)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("setting the same DE 1,000 times takes %d bytes more", grown)
	}
}

func TestUint(t *testing.T) {
	for _, test := range []struct {
		value string
		want  uint64
		ok    bool
	}{
		{"0", 0, true},
		{"000000012345", 12345, true},
		{"18446744073709551615", math.MaxUint64, true},
		{"0000018446744073709551615", math.MaxUint64, true},
		{"18446744073709551616", 0, false},
		{"99999999999999999999", 0, false},
		{"", 0, false},
		{"+1", 0, false},
		{"1 ", 0, false},
	} {
		var m spec.Message
		m.Set(4, test.value)
		if got, ok := m.Uint(4); got != test.want || ok != test.ok {
			t.Errorf("%q is %d, %t; want %d, %t", test.value, got, ok, test.want, test.ok)
		}
	}
	if _, ok := new(spec.Message).Uint(4); ok {
		t.Error("an absent DE is a number")
	}
}

func TestBadDEPanics(t *testing.T) {
	for _, de := range []int{-1, 0, 1, 193} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Set of DE %d does not panic", de)
				}
			}()
			new(spec.Message).Set(de, "x")
		}()
	}
}

func TestNames(t *testing.T) {
	for de, want := range map[int]string{
		0: "MTI", 1: "Bitmap", 11: "Systems Trace Audit Number", 39: "Response Code", 129: "DE 129", -1: "DE -1",
	} {
		if got := spec.FieldName(de); got != want {
			t.Errorf("FieldName(%d) = %q, want %q", de, got, want)
		}
	}
	for mti, want := range map[string]string{
		"0100": "authorization request", "0430": "reversal advice response", "0810": "network management response",
		"9999": "message", "": "message",
	} {
		if got := spec.MTIName(mti); got != want {
			t.Errorf("MTIName(%q) = %q, want %q", mti, got, want)
		}
	}
	var m spec.Message
	m.SetMTI("9876")
	if m.MTI() != "9876" {
		t.Errorf("an MTI of no name is %q, want 9876", m.MTI())
	}
}

// TestWipe leaves no value in the memory that the next message is written to.
func TestWipe(t *testing.T) {
	var m spec.Message
	m.Set(2, "4111111111111111")
	old := m.Bytes(2)
	m.Wipe()
	if m.Has(2) || string(old) != strings.Repeat("\x00", len(old)) {
		t.Errorf("DE2 there: %v, and its memory holds %q", m.Has(2), old)
	}
}
