package spec_test

import (
	"testing"

	"switchyard/spec"
)

func TestForm(t *testing.T) {
	jpos := spec.MustCodec("iso87binary-jpos")
	for de, want := range map[int]spec.Form{
		0:  {"String", 4, "BCD", "BCD.Fixed", "", "n4"},
		1:  {"Bitmap", 8, "Binary", "Binary.Fixed", "", ""},
		2:  {"String", 19, "LBCD", "BCD.LL", "", "n..19"},
		28: {"String", 9, "SignBCD", "ASCII.Fixed", "", "x+n8"},
		35: {"String", 37, "ZLBCD", "BCD.LL", "", "z..37"},
		41: {"String", 8, "ASCII", "ASCII.Fixed", "Right ' '", "ans8"},
		96: {"Hex", 16, "Binary", "Binary.Fixed", "", "b16"},
	} {
		if got, ok := jpos.Form(de); !ok || got != want {
			t.Errorf("DE%d: %+v, %t; want %+v", de, got, ok, want)
		}
	}
	if got, ok := jpos.Form(129); ok {
		t.Errorf("DE129: %+v, want none", got)
	}
}
