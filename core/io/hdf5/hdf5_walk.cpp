#include "core/io/hdf5/hdf5_walk.h"

#include <H5Cpp.h>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/io/hdf5/hdf5_array.h"
#include "core/io/hdf5/hdf5_border.h"
#include "core/io/hdf5/hdf5_file.h"
#include "core/io/hdf5/hdf5_order.h"

namespace quantoscope {

namespace {

/// Real models nest some ten groups; a file that nests more than this wants to exhaust somebody.
constexpr int kDeepest = 100;

struct Link {
  std::string name;
  H5L_type_t type = H5L_TYPE_ERROR;
  std::optional<std::int64_t> number = {};  ///< in the order of creation, where the group keeps it
};

/// H5Literate callback.
herr_t takeLink(hid_t, const char* name, const H5L_info_t* info, void* links) {
  Link link{name, info->type};
  if (info->corder_valid) link.number = info->corder;
  static_cast<std::vector<Link>*>(links)->push_back(std::move(link));
  return 0;
}

/// What a link that is not a hard one says, for people.
std::string describeLink(const H5::Group& group, const Link& link) {
  H5L_info_t info;
  if (H5Lget_info(group.getId(), link.name.c_str(), &info, H5P_DEFAULT) < 0) {
    return "a damaged link";
  }
  std::vector<char> value(info.u.val_size + 1, '\0');
  if (H5Lget_val(group.getId(), link.name.c_str(), value.data(), value.size(), H5P_DEFAULT) < 0) {
    return "a damaged link";
  }
  if (link.type == H5L_TYPE_SOFT) return std::string("a soft link to ") + value.data();
  const char* otherFile = nullptr;
  const char* otherPath = nullptr;
  if (link.type != H5L_TYPE_EXTERNAL ||
      H5Lunpack_elink_val(value.data(), info.u.val_size, nullptr, &otherFile, &otherPath) < 0) {
    return "a link of an unknown kind";
  }
  return std::string("a link to ") + otherPath + " in another file, " + otherFile;
}

class Walk {
 public:
  Walk(const H5::H5File& file, const OpenOptions& options)
      : file_(file),
        options_(options),
        control_(options.control),
        surroundings_{file, file.getFileSize(), options.allowOutside} {}

  StoredFile run() {
    if (const auto target = findHdf5Target(file_, "/")) groupsSeen_.emplace(target->place, "");
    pending_.push_back({"", 0});
    while (!pending_.empty()) {
      const Pending next = std::move(pending_.front());
      pending_.pop_front();
      enter(next);
    }
    for (const auto& [path, description] : softLinks_) addSoftLink(path, description);
    tellNames();
    for (const auto& [path, alias] : found_) addArray(path, alias);
    result_.order = order();
    return std::move(result_);
  }

 private:
  using Place = decltype(Hdf5Target::place);
  struct Pending {
    std::string path;
    int depth = 0;
  };

  /// What an array is takes several times as long to find out as that it is there.
  void tellNames() const {
    if (!options_.onNames || found_.empty()) return;
    std::vector<std::string> names;
    names.reserve(found_.size());
    for (const auto& [path, alias] : found_) names.push_back(path);
    options_.onNames(names);
  }

  void step() {
    if (control_.cancel.cancelled()) throw Hdf5Failure("listing it was cancelled");
    if (control_.progress) control_.progress(++steps_, 0);
  }

  void enter(const Pending& at) {
    try {
      const H5::Group group = file_.openGroup("/" + at.path);
      noteAttributes(at.path, group);
      std::vector<Link> links;
      if (H5Literate(group.getId(), H5_INDEX_NAME, H5_ITER_INC, nullptr, takeLink, &links) < 0) {
        // What was found before the damage is still worth having.
        addObstacle(at.path, "a damaged group (" + hdf5Complaint() + ")");
      }
      noteOrder(at.path, links);
      for (const Link& link : links) follow(at, group, link);
    } catch (const H5::Exception&) {
      if (at.path.empty()) throw Hdf5Failure("its root group is damaged");
      addObstacle(at.path, "a damaged group");
    }
  }

  void noteOrder(const std::string& path, const std::vector<Link>& links) {
    std::map<std::string, std::int64_t> numbers;
    for (const Link& link : links) {
      if (link.number) numbers.emplace(link.name, *link.number);
    }
    if (!numbers.empty()) creationOrder_.note(path, std::move(numbers));
  }

  std::vector<std::string> order() const {
    std::vector<std::string> listed = orderByListOfNames(file_, result_.arrays);
    if (!listed.empty()) return listed;
    std::vector<std::string> paths;
    paths.reserve(result_.arrays.size());
    for (const StoredArray& array : result_.arrays) paths.push_back(array.path);
    return creationOrder_.sorted(std::move(paths));
  }

  bool isNative() const { return result_.format == kNativeFormat; }

  /// Attributes that cannot be read count as absent: they order and name the arrays, no more.
  void noteAttributes(const std::string& path, const H5::Group& group) {
    GroupAttributes found;
    try {
      found.layerNames = splitStringsOf(group, "layer_names");
      found.weightNames = splitStringsOf(group, "weight_names");
      found.kerasVersion = textOf(group, "keras_version");
      found.name = textOf(group, "name");
      found.orientation = textOf(group, "orientation");
      found.sourceName = textOf(group, "source_name");
      found.axes = numbersOf(group, "axes");
      const auto rowAxes = numbersOf(group, "row_axes");
      if (rowAxes.size() == 1) found.rowAxes = rowAxes.front();
      if (path.empty()) {
        noteConfig(group);
        if (textOf(group, "format") == kNativeFormat) result_.format = kNativeFormat;
      }
      if (isNative()) noteNative(group, found.native);
    } catch (const Hdf5Failure&) {
    } catch (const H5::Exception&) {
    }
    if (found.layerNames || found.weightNames || !found.kerasVersion.empty() ||
        !found.name.empty() || !found.orientation.empty() || !found.sourceName.empty()) {
      result_.groups.emplace(path, std::move(found));
    }
  }

  /// What does not stand there cannot be decoded without: that is told when it is tried.
  static void noteNative(const H5::Group& group, NativeAttributes& found) {
    found.dtype = textOf(group, "dtype");
    if (found.dtype.empty()) return;  // no tensor's group
    found.packing = textOf(group, "packing");
    found.compute = textOf(group, "compute");
    found.sourceDtype = textOf(group, "source_dtype");
    found.sourceShape = numbersOf(group, "source_shape");
    found.groupSize = numberOf(group, "group_size");
    found.cols = numberOf(group, "cols");
    found.codeBits = numberOf(group, "code_bits");
    found.codeOffset = numberOf(group, "code_offset");
  }

  /// The true name of an array that a native file passes on.
  void notePassed(const std::string& path, const H5::DataSet& array) {
    GroupAttributes found;
    try {
      found.sourceName = textOf(array, "source_name");
    } catch (const Hdf5Failure&) {
    } catch (const H5::Exception&) {
    }
    if (!found.sourceName.empty()) result_.groups.emplace(path, std::move(found));
  }

  /// Without it names decide what it would tell, so that it is missing must be said.
  void noteConfig(const H5::Group& root) {
    try {
      result_.modelConfig = textOf(root, "model_config");
    } catch (const Hdf5Failure& failure) {
      result_.configProblem = std::string("model_config: ") + failure.what();
    } catch (const H5::Exception& exception) {
      result_.configProblem = "model_config: " + exception.getDetailMsg();
    }
  }

  void follow(const Pending& at, const H5::Group& group, const Link& link) {
    step();
    const std::string path = at.path.empty() ? link.name : at.path + "/" + link.name;
    if (link.type == H5L_TYPE_SOFT) {
      softLinks_.emplace_back(path, describeLink(group, link));
    } else if (link.type == H5L_TYPE_EXTERNAL && surroundings_.allowOutside) {
      followOutside(at, group, link, path);
    } else if (link.type != H5L_TYPE_HARD) {
      const bool outside = link.type == H5L_TYPE_EXTERNAL;
      addObstacle(path, describeLink(group, link) + (outside ? ", which is not followed" : ""),
                  outside);
    } else if (const auto target = findHdf5Target(file_, "/" + path, surroundings_.allowOutside)) {
      followHard(path, at.depth + 1, *target);
    } else {
      addObstacle(path, "a damaged object");
    }
  }

  void followOutside(const Pending& at, const H5::Group& group, const Link& link,
                     const std::string& path) {
    if (const auto target = findHdf5Target(file_, "/" + path, true)) {
      followHard(path, at.depth + 1, *target);
    } else {
      addObstacle(path, describeLink(group, link) + ": there is no such file or object");
    }
  }

  void followHard(const std::string& path, int depth, const Hdf5Target& target) {
    if (target.kind == Hdf5Target::Kind::Group) {
      const auto [first, isNew] = groupsSeen_.emplace(target.place, path);
      if (!isNew) {
        addObstacle(path, describeAgain(path, first->second));
        result_.arrays.back().incomplete = false;  // it is listed there
      } else if (depth > kDeepest) {
        addObstacle(path, "nested more than " + std::to_string(kDeepest) + " groups deep");
      } else {
        pending_.push_back({path, depth});
      }
    } else if (target.kind == Hdf5Target::Kind::Array) {
      const auto [first, isNew] = arraysSeen_.emplace(target.place, path);
      if (isNew) {
        found_.emplace_back(path, std::string{});
      } else {
        found_.emplace_back(path, "another name of " + first->second);
      }
    }
  }

  /// A group that was entered by another name already.
  static std::string describeAgain(const std::string& path, const std::string& first) {
    const std::string name = first.empty() ? "the root group" : "the group " + first;
    const bool above = first.empty() || path.starts_with(first + "/");
    return above ? "a cycle: another name of " + name + ", which it lies in"
                 : "another name of " + name;
  }

  /// Only what leads to an array, or nowhere, is worth a line.
  void addSoftLink(const std::string& path, const std::string& description) {
    const auto target = findHdf5Target(file_, "/" + path, surroundings_.allowOutside);
    if (!target) {
      addObstacle(path, description + ", where this file has nothing");
    } else if (target->kind == Hdf5Target::Kind::Array) {
      found_.emplace_back(path, description);
    }
  }

  void addArray(const std::string& path, const std::string& alias) {
    step();
    try {
      const H5::DataSet opened = openHdf5Array(file_, "/" + path, surroundings_.allowOutside);
      StoredArray array = describeHdf5Array(opened, path, surroundings_);
      array.alias = alias;
      if (isNative() && path.starts_with(kNativePassed)) notePassed(path, opened);
      result_.arrays.push_back(std::move(array));
    } catch (const Hdf5Failure& failure) {
      addObstacle(path, failure.what());
    } catch (const H5::Exception& exception) {
      addObstacle(path, "a damaged array (" + exception.getDetailMsg() + ")");
    }
  }

  void addObstacle(const std::string& path, const std::string& obstacle, bool refused = false) {
    StoredArray array;
    array.path = path;
    array.obstacle = obstacle;
    array.refused = refused;
    array.incomplete = true;
    result_.arrays.push_back(std::move(array));
  }

  const H5::H5File& file_;
  const OpenOptions& options_;
  const TaskControl& control_;
  Hdf5Surroundings surroundings_;
  std::uint64_t steps_ = 0;
  StoredFile result_;
  std::deque<Pending> pending_;  ///< breadth first: the shortest name of an object wins
  std::map<Place, std::string> groupsSeen_;
  CreationOrder creationOrder_;
  std::map<Place, std::string> arraysSeen_;
  std::vector<std::pair<std::string, std::string>> softLinks_;
  std::vector<std::pair<std::string, std::string>> found_;  ///< arrays and their aliases
};

}  // namespace

StoredFile walkHdf5(const H5::H5File& file, const OpenOptions& options) {
  return Walk(file, options).run();
}

}  // namespace quantoscope
