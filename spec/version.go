package spec

// Version is the edition of ISO 8583 whose data elements and message types a dialect speaks.
type Version uint16

// The editions. The zero Version stands for ISO1987.
const (
	ISO1987 Version = 1987
	ISO1993 Version = 1993
)

// VersionOf is the edition of a message by its MTI, whose first digit says it: 1 for ISO 8583:1993.
func VersionOf(mti string) Version {
	if mti != "" && mti[0] == '1' {
		return ISO1993
	}
	return ISO1987
}

// FieldName returns what the edition calls a data element, as the function FieldName does for ISO 8583:1987.
func (v Version) FieldName(de int) string {
	if name, ok := changedNames93[de]; ok && v == ISO1993 {
		return name
	}
	return FieldName(de)
}
