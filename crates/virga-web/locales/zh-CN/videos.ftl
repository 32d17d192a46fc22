# States and visibility
state-draft = 尚无文件
state-uploading = 上传中
state-processing = 处理中
state-playable = 可播放，清晰度提升中
state-ready = 已就绪
state-failed = 失败
state-deleted = 已删除
visibility-public = 公开
visibility-public-hint = 所有人可见，会出现在列表和搜索中。
visibility-unlisted = 仅链接可见
visibility-unlisted-hint = 拿到链接的人可见，不会出现在列表和搜索中。
visibility-private = 私密
visibility-private-hint = 仅自己和管理员可见。

# Upload
upload-title = 上传
upload-drop = 把视频或音频拖到这里
upload-choose = 选择视频
upload-limits = 单个文件最大 { $size }。支持相机文件、MP4、MOV、MKV、WebM、MP3 等多数格式。
upload-into = 接下来的文件将用于“{ $title }”。
upload-plain-hint = 未启用 JavaScript 时，文件只能整个上传。请先填写标题。
upload-plain-next = 下一步：选择文件
upload-plain-file = “{ $title }”的文件
upload-plain-limit = 最大 { $size }。连接中断后需要从头上传；启用 JavaScript 后可以断点续传。
upload-plain-send = 上传
upload-open = 未完成的上传
upload-open-hint = 重新选择同一个文件，就会从中断处继续。
upload-again = 选择同一文件，从 { $percent }% 继续
upload-give-up = 放弃上传
upload-discard-ask = 要放弃这个上传吗？已上传的内容会被删除。
upload-keep = 保留
upload-until = 保留到 { $date }
upload-list = 本次上传
upload-progress = 上传进度
upload-pause = 暂停
upload-resume = 继续
upload-watch = 打开视频页
upload-early = 已经传好的部分现在就能看。
upload-waiting = 等待中
upload-checking = 正在核对文件
upload-paused = 已暂停
upload-offline = 网络已断开，恢复后会自动继续。
upload-finishing = 即将完成
upload-sent = { $done } / { $total }
upload-done = 已上传
upload-speed = { $speed }/秒，剩余 { $time }
upload-away = 网站没有响应，{ $seconds } 秒后重试。
upload-percent = { $percent }%
upload-saved = 已保存
upload-too-large = 文件超过了本站的大小限制。
upload-empty = 这个文件是空的。
upload-changed = 文件在你的设备上有改动或无法读取，请重新选择。
upload-other-file = 这不是同一个文件，请选择之前的那个。
upload-signed-out = 登录已失效。请在另一个标签页登录，再点“继续”。
upload-failed = 上传中断，已上传的部分不会丢失，可以随时继续。
upload-folder = 不能上传文件夹，请选择其中的文件。

# My videos
mine-empty = 你还没有视频
mine-choose = 选择文件
mine-go-on = 继续上传
mine-purge = 将于 { $date }彻底删除
toast-deleted = “{ $title }”已删除。
toast-purged = 视频已彻底删除。
toast-restored = 视频已恢复。
toast-remade = 正在重新生成，首个版本完成后即可播放。
toast-retried = 正在重试。
toast-cancelled = 已停止处理。

# Edit
field-title = 标题
field-description = 简介
field-visibility = 可见范围
edit-title = 编辑视频
edit-conflict = 这个视频已在别的窗口被修改
edit-conflict-hint = 下面是当前保存的内容。你填写的内容在其后，保存后会替换当前内容。
edit-conflict-theirs = 保留当前内容
edit-conflict-mine = 你填写的内容
stop = 处理
stop-hint = 这个视频还在处理中。已经可以播放的版本会保留；边转码边播放的视频会停止播放。
stop-go = 停止处理
remake = 重新生成
remake-hint = 用上传的原文件重新生成所有清晰度、封面图和旧浏览器版本。画面或声音损坏时可以使用。
remake-ask = 重新生成这个视频…
remake-ask-hint = 在首个版本完成之前，所有人都无法观看这个视频。链接、文字、评论和播放次数不变。
remake-go = 立即重新生成
edit-delete = 删除
edit-delete-hint = { $n ->
    [0] 删除的视频在短时间内可以恢复。
   *[other] 删除的视频在 { $shown } 天内可以恢复。
  }
edit-loose = { $n ->
   *[other] 已经发出的媒体地址最多还能使用 { $shown } 分钟。
  }
edit-forever = 彻底删除…
edit-forever-hint = 视频、原文件和评论会立即删除，无法恢复。
edit-forever-go = 彻底删除“{ $title }”

# Watch
watch-no-script = 供未启用 JavaScript 的浏览器播放的版本尚未就绪。
watch-better = 更清晰的版本已就绪
watch-broken = 播放中断了。
watch-again = 重试
stage-draft = 作者还没有上传文件。
stage-draft-own = 你还没有上传文件。
stage-uploading = 文件正在上传。
stage-processing = 正在处理，可以播放时会显示在这里。
stage-other-browsers = 还不能在你的浏览器中播放
stage-other-browsers-text = 你的浏览器不支持原片的格式。通用版本正在生成，完成后会显示在这里。
stage-plays-in = 大约 { $time } 后就能看，其余部分会边看边处理。
stage-starting = 即将开始
stage-failed = 这个文件无法播放。
stage-deleted = 现在还可以恢复。
views = { $n ->
   *[other] { $shown } 次播放
  }
videos = { $n ->
   *[other] { $shown } 个视频
  }

# Comments
comments = 评论
comment-write = 写评论
comment-post = 发布
comment-sign-in = 登录后评论
comment-admin = 管理员
comment-edited = 已编辑
comment-edit = 编辑评论
comment-ask = 删除这条评论？删除后无法恢复。
comment-delete = 删除评论
comment-more = 更多评论

# Time
date = { $year } 年 { $month } 月 { $day } 日
ago-now = 刚刚
ago-minutes = { $n ->
   *[other] { $shown } 分钟前
  }
ago-hours = { $n ->
   *[other] { $shown } 小时前
  }
ago-days = { $n ->
   *[other] { $shown } 天前
  }
ago-months = { $n ->
   *[other] { $shown } 个月前
  }
ago-years = { $n ->
   *[other] { $shown } 年前
  }
