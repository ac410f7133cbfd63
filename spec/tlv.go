package spec

import (
	"bytes"
	"fmt"
	"iter"
)

// DE48 carries private data as a list of tag, length and value: two digits, two digits, and that many characters of
// printable ASCII. Tags need not ascend; none may stand there twice. docs/iso8583.md has the table.
const (
	TagECI       = "01" // n2, electronic commerce indicator: 05 authenticated, 06 attempted, 07 neither
	TagInitiator = "02" // who started the payment: C cardholder, M merchant
	// ans..64, in a request ..29, the network's id of a transaction: in a response of this one, in a request of an earlier
	// one
	TagNetworkID       = "03"
	TagReversalReason  = "04" // n4: ReasonTimeout or ReasonCustomer
	TagFirstRRN        = "05" // an12, DE37 of the payment's first request
	TagCaptureNumber   = "06" // n..6, which of the payment's captures or refunds, from 1
	TagARN             = "07" // n23, acquirer reference number
	TagThreeDSVersion  = "08" // ans..8, 3-D Secure protocol version, such as 2.2.0
	TagCAVV            = "09" // cardholder authentication verification value, base64
	TagDSTransactionID = "10" // ans36, directory server transaction id
	TagCVC             = "11" // n3 or n4, card verification code: never stored, never shown
	TagAddressLine     = "12" // ans, for address verification
	TagPostalCode      = "13" // ans
	TagCountry         = "14" // ISO 3166 alpha-2 or alpha-3
	TagAVSResult       = "15" // an1, result of address verification, in a response
	TagCVCResult       = "16" // a1, in a response: M match, N no match
	TagPartial         = "17" // "1": an approval of less is accepted
	TagFinal           = "18" // "1": the last capture of its payment
)

// Values of TagReversalReason.
const (
	ReasonTimeout  = "4021" // no answer in time: the outcome is unknown
	ReasonCustomer = "4000" // the merchant or the cardholder took it back
)

// MaxTLVValue is the longest value in bytes that a DE48 tag carries.
const MaxTLVValue = 99

// tlvHeader is how many bytes a tag and its length take.
const tlvHeader = 4

// AppendTLV appends a tag with its value to DE48 data. The caller has checked the value's length and characters and
// gives each tag once: it panics, without showing the value, at a tag that is not two digits or a value above
// MaxTLVValue.
func AppendTLV(dst []byte, tag, value string) []byte {
	if len(tag) != 2 || !twoDigits(tag[0], tag[1]) {
		panic(fmt.Sprintf("spec: DE48 tag %q: want two digits", tag))
	}
	if len(value) > MaxTLVValue {
		panic(fmt.Sprintf("spec: DE48 tag %s: want a value of at most %d bytes, not %d", tag, MaxTLVValue, len(value)))
	}
	dst = append(dst, tag...)
	dst = append(dst, '0'+byte(len(value)/10), '0'+byte(len(value)%10))
	return append(dst, value...)
}

// FindTLV returns the value of a tag, which lies in data; false if the tag is not there or the data before it is
// malformed.
func FindTLV(data []byte, tag string) (value []byte, ok bool) {
	for at := 0; at < len(data); {
		end, want := nextTLV(data, at)
		if want != "" {
			return nil, false
		}
		if string(data[at:at+2]) == tag {
			return data[at+tlvHeader : end : end], true
		}
		at = end
	}
	return nil, false
}

// TLVs yields each tag with its value, which lies in data, in the order in which they stand there, up to the first that
// is malformed: CheckTLV first if that matters. It does not allocate.
func TLVs(data []byte) iter.Seq2[string, []byte] {
	return func(yield func(tag string, value []byte) bool) {
		for at := 0; at < len(data); {
			end, want := nextTLV(data, at)
			if want != "" || !yield(tagString(data[at:]), data[at+tlvHeader:end:end]) {
				return
			}
			at = end
		}
	}
}

// CheckTLV returns a *FieldError with the offset in data at which it is not well-formed DE48 data, nil if it is.
func CheckTLV(data []byte) error {
	var seen [100]bool
	for at := 0; at < len(data); {
		end, want := nextTLV(data, at)
		if want != "" {
			return &FieldError{DE: 48, Offset: at, Want: want}
		}
		n := int(data[at]-'0')*10 + int(data[at+1]-'0')
		if seen[n] {
			return &FieldError{DE: 48, Offset: at, Want: "tag " + allTags[2*n:2*n+2] + " only once"}
		}
		seen[n] = true
		if bad := bytes.IndexFunc(data[at+tlvHeader:end], func(r rune) bool { return r < ' ' || r > '~' }); bad >= 0 {
			return &FieldError{DE: 48, Offset: at + tlvHeader + bad, Want: "printable ASCII"}
		}
		at = end
	}
	return nil
}

// nextTLV returns the end of the tag that begins at data[at:], or what was wanted there.
func nextTLV(data []byte, at int) (end int, want string) {
	if len(data)-at < tlvHeader {
		return 0, "a tag of two digits and a length of two"
	}
	if !twoDigits(data[at], data[at+1]) {
		return 0, "a tag of two digits"
	}
	if !twoDigits(data[at+2], data[at+3]) {
		return 0, "a length of two digits"
	}
	end = at + tlvHeader + int(data[at+2]-'0')*10 + int(data[at+3]-'0')
	if end > len(data) {
		return 0, "a value as long as its length says"
	}
	return end, ""
}

func twoDigits(a, b byte) bool {
	return a >= '0' && a <= '9' && b >= '0' && b <= '9'
}

// tagString is the two digits that data begins with, without an allocation.
func tagString(data []byte) string {
	n := int(data[0]-'0')*10 + int(data[1]-'0')
	return allTags[2*n : 2*n+2]
}

var allTags = func() string {
	var all []byte
	for n := range byte(100) {
		all = append(all, '0'+n/10, '0'+n%10)
	}
	return string(all)
}()
