package clearing_test

import (
	"bytes"
	"strings"
	"testing"

	"switchyard/switch/clearing"
)

func show(t *testing.T, data []byte, opts clearing.ShowOptions) (string, error) {
	t.Helper()
	var b bytes.Buffer
	err := clearing.Show(&b, bytes.NewReader(data), opts)
	return b.String(), err
}

func TestShow(t *testing.T) {
	data := readHex(t, "golden-cp500-1014.hex")
	text, err := show(t, data, clearing.ShowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"cp500, 1014 blocks\n",
		"record 1 at byte 0, 74 bytes: 1644/697 file header\n",
		"PDS0105 file id                      0022611210000001234500007\n",
		"DE2       card number                  411111******1111\n",
		"DE4       amount                       000000001234  12.34 EUR\n",
		"DE31      acquirer reference           12345676325000000000012\n",
		"DE55      chip data                    9F26=C0FFEE4040404000 9F27=80\n",
		"DE2       card number                  400000*********0006\n",
		"DE4       amount                       000000001001  1.001 KWD\n",
		"PDS0025 reversal                     R261120\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for _, p := range goldenPresentments() {
		if strings.Contains(text, p.PAN) {
			t.Errorf("a card number is shown:\n%s", text)
		}
	}
	text, err = show(t, data, clearing.ShowOptions{Brief: true})
	const want = `cp500, 1014 blocks
       1  byte 0          1644/697 file header
       2  byte 78         1240/200 first presentment  411111******1111  debit 12.34 EUR  12345676325000000000012
       3  byte 402        1240/200 first presentment  555555******4444  credit 500 JPY  12345676325000000000020
       4  byte 593        1240/200 first presentment  400000*********0006  credit 1.001 KWD  12345676324000000000039  reversal
       5  byte 864        1644/695 file trailer
`
	if err != nil || text != want {
		t.Errorf("Show() = %v\n%s\nwant\n%s", err, text, want)
	}
	text, err = show(t, data, clearing.ShowOptions{Record: 5})
	if err != nil || strings.Contains(text, "record 1") || !strings.Contains(text, "record 5 at byte 864") {
		t.Errorf("Show() of record 5 = %v\n%s", err, text)
	}
	if _, err = show(t, data, clearing.ShowOptions{Record: 6}); err == nil ||
		!strings.Contains(err.Error(), "no record 6") {
		t.Errorf("Show() of record 6 = %v", err)
	}
}

// A card number is masked wherever it stands: in free text, in chip data, and in a record whose elements are shifted.
func TestShowMasksEverywhere(t *testing.T) {
	const card = "4111111111111111"
	p := goldenPresentments()[0]
	p.OtherAmounts = "card " + card + ";"
	p.PDS = []clearing.PDS{{Tag: 999, Value: card}}
	p.ChipData = mustHex("5A08" + card + "57134111111111111111D29122010000000000000F" + "70025A00" + "9F1F04" +
		"34313131" + "9F3403010203" + "FF")
	data, _ := writeFile(t, clearing.Header{FileID: testFileID, CodePage: clearing.ASCII}, p)
	text, err := show(t, data, clearing.ShowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(
		text, "5A=(8 bytes) 57=(19 bytes) 70=(2 bytes) 9F1F=(4 bytes) 9F34=010203 (1 byte without a tag)",
	) {
		t.Errorf("chip data are shown as\n%s", text)
	}
	shifted := frames(t, data)
	shifted[1] = swap(t, shifted[1], "16"+card+"000000", "04"+card+"000000")
	broken, err := show(t, join(shifted), clearing.ShowOptions{})
	if err == nil || !strings.Contains(broken, "error: record 2") {
		t.Errorf("Show() of a shifted record = %v\n%s", err, broken)
	}
	brief, err := show(t, join(shifted), clearing.ShowOptions{Brief: true})
	if err == nil {
		t.Error("Show() of a shifted record succeeded")
	}
	for _, text := range []string{text, broken, brief} {
		if strings.Contains(text, card[:12]) {
			t.Errorf("a card number is shown:\n%s", text)
		}
	}
}
