"""Words of English by which answers in words are read: what they begin with, what follows a name, and what is denied.

Words are in the form of `answer_matching.words_of`: lower case, without apostrophes and hyphens.
"""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = _set("a an the this that these those some one its his her their my your our")

# What comes after them in a clause is the subject of the answer: "the animal in the picture is a tench".
VERBS = _set(
    "is are was were am be been being im its thats theres heres theyre looks look appears appear seems seem shows show "
    "showing shown depicts depict depicting features feature featuring contains contain containing see seen identify called "
    "named known as like resembles resemble represents represent answer label class classify object subject would say "
    "think believe guess there here has have probably likely possibly maybe perhaps definitely clearly specifically"
)

# What comes after them is beside the subject: "a dog on a desk", "a kitten that plays".
ASIDES = _set(
    "on in with at from near beside behind under over by to for against into between through inside outside around along "
    "above below beneath across among amongst onto off up down before after during toward towards within without next of "
    "which who whose while when where because wearing holding carrying riding eating playing using pulling pushing standing "
    "sitting lying driving drinking that"
)

CONJUNCTIONS = _set("and or but plus versus vs nor")
NEGATIONS = _set("not no isnt arent wasnt dont doesnt didnt cant cannot never neither nor without unlike except")
NEGATED_BEFORE = (("rather", "than"), ("instead", "of"), ("other", "than"))
DOUBTS = _set("whether if")  # "I cannot tell whether it is a tench"

# Words before an aside that leave the subject open: "a photo of", "a flock of", "a man holding", "it".
OPEN_SUBJECTS = _set(
    "up capture look photo photos photograph photographs picture pictures image images painting drawing illustration sketch portrait view "
    "closeup close shot snapshot scene screenshot rendering render print example examples specimen specimens sample kind "
    "kinds type types sort species breed variety form member piece pieces slice part pair pairs group groups herd flock pack "
    "swarm school pride colony litter bunch pile stack row set collection couple number lot lots variety cluster team bowl "
    "glass dish jar mug basket box bag man men woman women person people child children boy boys girl girls kid kids baby "
    "guy lady someone somebody individual player musician fisherman farmer worker human hand hands finger it they something "
    "object thing item name background foreground front center middle top side"
)

# Words that may follow the name of a class without another meaning: "a tench fish", "a beagle puppy".
CATEGORIES = _set(
    "dog dogs cat cats bird birds fish fishes snake snakes animal animals creature creatures mammal reptile insect insects "
    "breed puppy puppies pup pups kitten kittens cub cubs chick chicks calf foal spider spiders beetle beetles butterfly "
    "butterflies monkey monkeys ape shark sharks lizard lizards frog frogs turtle turtles whale crab crabs bear bears flower "
    "flowers plant plants fungus fruit fruits vegetable vegetables food dessert machine machines device devices vehicle "
    "vehicles car truck boat boats ship ships aircraft building buildings structure instrument instruments tool tools shoe "
    "shoes hat garment dress clothing jacket sweater furniture species specimen variety type kind male female adult juvenile "
    "terrier hound hen rooster duck goose antelope cattle bull cow moth salamander item object one ones class category "
    "photo image picture skeleton fossil shell parrot egg eggs apple apples cone itself underwater outdoors indoors outside alone together asleep here there too also instead "
    "somewhere each both all probably possibly perhaps maybe likely please thanks yes"
)

# Words of several uses that follow a name as a verb or begin what is said about it.
FOLLOWING = _set(
    "is are was were has have can could will would may might must does do did that which who not held caught rather instead"
)
FOLLOWING |= _set(
    "seen shown made found known called driven parked perched set put cut lit kept hung worn drawn shot taken"
)
FOLLOWING |= _set(
    "walks runs sits stands lies swims flies eats looks appears seems hangs floats grows belongs as because so"
)

# Names that usually mean something else: ImageNet's plane is a carpenter's, its painter a cougar, its head a cape. No answer
# is matched by them alone.
EVERYDAY = _set(
    "plane painter light head drop site spot brass ear board comfort puff grand upright killer mini jack cell carrier coach "
    "carriage beam bars press rig trump sub hip spike file rule scope mail essence chopper admiral rubber mole "
    "groin nursery bob hack amphibian ounce shades wireless snowbird pole boa"
)

# Things that end in the name of a class and are none: their last word is not read as a name.
OTHER_THINGS = (
    "table tennis ball",
    "guinea pig",
    "honey badger",
    "house mouse",
    "field mouse",
    "fish tank",
    "water tank",
    "gas tank",
    "fuel tank",
    "septic tank",
    "think tank",
    "hair bow",
    "gift bow",
    "rain bow",
    "finger nail",
    "toe nail",
    "sea cucumber",
    "sea horse",
    "flying squirrel",
    "flying fish",
    "bass drum",
    "snare drum",
    "oil drum",
    "ear drum",
    "wine glass",
    "magnifying glass",
    "mountain goat",
    "prairie dog",
    "cat fish",
    "dog fish",
    "star fruit",
    "grape fruit",
    "blood orange tree",
    "steam iron board",
    "ironing board",
    "diving board",
    "chess board",
    "surf board",
    "skate board",
    "snow board",
    "key ring",
    "nose ring",
    "palm tree",
    "tape measure",
    "church organ pipe",
    "door bell",
    "dumb waiter",
    "corn snake",
    "milk snake",
    "tiger lily",
    "peace lily",
    "spider plant",
    "snake plant",
    "monkey bars",
    "candy bar",
    "pepper mill",
)

# Names that are also verbs. After "can" or "to" they are no names: "a bird that can fly".
ALSO_VERBS = _set(
    "fly bow swing drop file screen pick whistle switch press hook hammer iron light mask nail rule scale shield shovel ski "
    "stage suit trump vacuum wing paddle dock bath groom monitor trifle plow"
)
BEFORE_VERBS = _set("can could will would may might must to i you we they dont cannot cant")
NO_NAMES = _set("ai")  # a sloth, and what language models call themselves
PARTS = _set("wing claw horn hook tank stage")  # beside a subject: "a vulture with spread wings", "in a tank"
COLORS = _set("orange lemon")  # "an orange cat"
